'use strict';

// The servers whose requests bench/body.js measures all have the whole body.

const { once } = require('node:events');
const test = require('ava');
const { servers } = require('../../bench/body.js');

for (const [kind, rivals] of Object.entries(servers)) {
  for (const [name, create] of Object.entries(rivals)) {
    test(`${kind}: ${name} answers with the length of the body`, async (t) => {
      const server = create();
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      for (const size of [8 * 1024, 1024 * 1024]) {
        const response = await fetch(`http://127.0.0.1:${server.address().port}/`, {
          method: 'POST',
          body: Buffer.alloc(size),
          headers: { 'content-type': 'application/octet-stream' },
        });
        t.is(await response.text(), String(size));
        t.true(response.headers.has('content-length'), 'which the client of the benchmark reads');
      }
      server.closeAllConnections();
      server.close();
    });
  }
}
