'use strict';
// tier: tools

// The servers whose requests bench/body.js measures all have the whole body.

const { once } = require('node:events');
const https = require('node:https');
const { text } = require('node:stream/consumers');
const http = require('node:http');
const test = require('ava');
const { kinds } = require('../../bench/body.js');

async function post(server, bytes) {
  const { request } = server instanceof https.Server ? https : http;
  const { port } = server.address();
  const headers = {
    'content-type': 'application/octet-stream',
    'content-length': bytes,
    connection: 'close',
  };
  const options = { port, host: '127.0.0.1', method: 'POST', headers, rejectUnauthorized: false };
  const asked = request(options).end(Buffer.alloc(bytes));
  const [response] = await once(asked, 'response');
  return { headers: response.headers, answer: await text(response) };
}

for (const [kind, rivals] of Object.entries(kinds)) {
  for (const [name, create] of Object.entries(rivals)) {
    test(`${kind}: ${name} answers with the length of the body`, async (t) => {
      const server = await create();
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      for (const size of [8 * 1024, 1024 * 1024]) {
        const { headers, answer } = await post(server, size);
        t.is(answer, String(size));
        t.truthy(headers['content-length'], 'which the client of the benchmark reads');
      }
      server.closeAllConnections();
      server.close();
    });
  }
}
