'use strict';
// tier: tools

// The servers whose requests bench/pump.js measures all move the whole body.

const { once } = require('node:events');
const path = require('node:path');
const test = require('ava');
const { Child } = require('../../bench/method/child.js');
const { kinds } = require('../../bench/pump.js');
const { patient } = require('../helpers/patient.js');

const ORIGIN = path.join(__dirname, '..', '..', 'bench', 'fixtures', 'origin.js');
const MiB = 1024 * 1024;

for (const [kind, rivals] of Object.entries(kinds)) {
  for (const [name, create] of Object.entries(rivals)) {
    test(`${kind}: ${name} moves all bytes`, async (t) => {
      const origin = new Child(ORIGIN);
      const server = create(await origin.call('listen'));
      patient(server).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const url = `http://127.0.0.1:${server.address().port}/`;
      const response = await fetch(url);
      t.true(response.headers.has('content-length'), 'which the client of the benchmark reads');
      t.is((await response.arrayBuffer()).byteLength, MiB);
      if (kind !== 'files') {
        const answer = await fetch(url, { method: 'POST', body: Buffer.alloc(MiB) });
        t.is(await answer.text(), 'taken');
      }
      await origin.stop();
      server.closeAllConnections?.();
      server.close();
    });
  }
}
