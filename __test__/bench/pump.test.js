'use strict';

// The servers whose requests bench/pump.js measures all move the whole body.

const { fork } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const test = require('ava');
const { kinds, movers } = require('../../bench/pump.js');

const MiB = 1024 * 1024;

for (const [kind, create] of Object.entries(kinds)) {
  for (const [name, move] of Object.entries(movers)) {
    test(`${kind}: ${name} moves all bytes`, async (t) => {
      const origin = fork(path.join(__dirname, '..', '..', 'bench', 'fixtures', 'origin.js'));
      const [port] = await once(origin, 'message');
      const server = create(move, port);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const url = `http://127.0.0.1:${server.address().port}/`;
      const response = await fetch(url);
      t.true(response.headers.has('content-length'), 'which the client of the benchmark reads');
      t.is((await response.arrayBuffer()).byteLength, MiB);
      if (kind !== 'files') {
        const answer = await fetch(url, { method: 'POST', body: Buffer.alloc(MiB) });
        t.is(await answer.text(), 'taken');
      }
      origin.disconnect();
      await once(origin, 'exit');
      server.closeAllConnections?.();
      server.close();
    });
  }
}
