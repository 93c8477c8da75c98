'use strict';
// tier: tools

// The applications whose requests bench/operations/middleware.js measures: the same answer with each middleware, and an arena with ralloc alone.

const { once } = require('node:events');
const test = require('ava');
const adapters = require('../../bench/operations/parts/adapters.js');
const { scenarios } = require('../../bench/operations/middleware.js');

for (const [name, create] of Object.entries(adapters)) {
  test(`${name} answers "ok" with each middleware`, async (t) => {
    t.is(typeof scenarios[`on ${name}`], 'function');
    for (const middleware of ['none', 'empty', 'ralloc']) {
      const server = await create(middleware);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const response = await fetch(`http://127.0.0.1:${server.address().port}/`);
      t.is(await response.text(), 'ok', middleware);
      t.true(response.headers.has('content-length'), 'which the client of the benchmark reads');
      server.closeAllConnections();
      server.close();
    }
  });
}
