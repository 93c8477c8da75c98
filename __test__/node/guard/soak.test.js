'use strict';
// tier: run-time, differs

// Operations of all kinds that outlive their responses, with resets, scopes, rewinds and clients that go away.

const test = require('ava');
const { budget } = require('../../helpers/budget.js');
const { run } = require('../../helpers/child.js');

const REQUESTS = budget(2500, 200_000, 1000);

const sum = (counts) => Object.values(counts).reduce((all, one) => all + one, 0);
const soak = (...args) => run('node/soak.js', { args, env: { NODE_V8_COVERAGE: undefined } });

test.serial(
  'requests over http and https spoil not one byte of what they leave behind',
  async (t) => {
    const { code, stderr, result } = await soak(`${REQUESTS}`);
    t.is(code, 0, stderr);
    t.is(sum(result.wrong), 0, `sameBytes: ${JSON.stringify(result.wrong)}`);
    t.deepEqual([result.lost, result.open, result.inFlight], [0, 0, 0]);
    t.true(result.served >= REQUESTS);
    t.is(result.served, result.finished + result.aborted);
    t.true(result.aborted > 0);
    for (const [kind, count] of Object.entries(result.begun)) t.true(count > REQUESTS / 40, kind);
    t.true(result.datagrams > REQUESTS / 40);
    t.deepEqual([result.memory.held, result.memory.leased], [0, 0]);
  },
);

test.serial('the same without the guard does', async (t) => {
  const { result, stderr } = await soak('1000', 'off', 'writeFile', 'appendFile');
  t.true(sum(result?.wrong ?? {}) > 0, stderr);
});
