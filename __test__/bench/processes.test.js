'use strict';
// tier: soak

// The operations that have processes of their own run, and come to an end: one short block of each.

const path = require('node:path');
const test = require('ava');
const { merge, summaryOf } = require('../../bench/method/results.js');
const { posixTest } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');
const { canInherit, inheritTest } = require('../helpers/slab-process.js');
const { once } = require('node:events');
const adapters = require('../../bench/operations/parts/adapters.js');
const { scenarios } = require('../../bench/operations/middleware.js');

const PROGRAM = path.join(__dirname, '..', '..', 'bench', 'run.js');

const SCENARIOS = [
  [inheritTest, 'messages', 'filled and summed, 64 KiB', ['ns', 'wall']],
  [posixTest, 'cache', 'a cache of 125 MB', ['heldRss', 'p99Ns']],
  [test, 'middleware', 'on node:http', ['ns', 'wall']],
  [test, 'pool', 'pins', ['lastRss', 'cpuMs', 'poolSize']],
  [test, 'mount', 'an Express server', ['restRss', 'firstMs', 'firstRss', 'laterRss', 'nextMs']],
];

for (const [testIf, bench, scenario, fields] of SCENARIOS) {
  testIf(`${bench}, "${scenario}": every rival has its figures`, async (t) => {
    const args = ['--block', `${bench}.js`, scenario];
    const env = { RALLOC_BENCH_QUICK: '1' };
    const { code, stdout, stderr } = await run('bench', { path: PROGRAM, args, env });
    t.is(code, 0, stderr);
    const result = JSON.parse(stdout);
    t.like(result, { bench, scenario, node: process.versions.node });
    const rows = summaryOf(merge([result]));
    t.true(rows.length >= 2);
    for (const row of rows) {
      for (const field of fields) t.true(row.median[field] > 0, `${row.name}, ${field}`);
    }
  });
}

test('messages has scenarios only where processes can share a slab', (t) => {
  const { scenarios } = require('../../bench/operations/messages.js');
  t.is(Object.keys(scenarios).length > 0, canInherit);
});

test('an unknown bench is told with the list of those that there are', async (t) => {
  const { code, stderr } = await run('bench', { path: PROGRAM, args: ['soup'] });
  t.is(code, 1);
  t.regex(stderr, /no such bench: soup \(there are buffers\.js, /);
});

// The applications whose requests bench/operations/middleware.js measures: the same answer with each middleware, and an arena with ralloc alone.

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
