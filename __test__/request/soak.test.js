'use strict';
// tier: run-time, differs

// Requests that are all aborted, in a process of its own; uploads at random, in another one; and clients that reset TCP below TLS. Requests of all
// kinds on every adapter: adapters/mix.test.js.

const test = require('ava');
const { RAW, serveOn } = require('../helpers/adapters.js');
const { budget } = require('../helpers/budget.js');
const { run } = require('../helpers/child.js');
const { Ledger } = require('../helpers/ledger.js');
const { assertSettled } = require('../helpers/server.js');
const { still } = require('../helpers/still.js');
const { until } = require('../helpers/until.js');

const MiB = 1024 * 1024;
const REQUESTS = budget(2000, 100_000);

test.serial('requests that are all aborted never take more than maxBytes', async (t) => {
  const { code, stderr, result } = await run('request/soak-aborted.js', {
    ...still,
    args: [REQUESTS],
  });
  t.is(code, 0, stderr);
  const { maxBytes, most, leased, memory } = result;
  t.log(`${most / MiB} MiB at most; ${leased} had arena memory, the others the heap's`);
  t.true(most <= maxBytes);
  t.true(memory.peak <= maxBytes);
  t.true(most > maxBytes / 2, 'the limit was worth watching');
  t.true(leased >= REQUESTS / 20, 'memory came back all the time');
  t.is(result.requests, REQUESTS);
  t.is(result.aborted, REQUESTS);
  t.is(result.inFlight, 0);
  t.is(memory.leased, 0);
});

// Uploads at random, in a process of its own.

const USUAL = 1000; // fewer have no certain shares
const TOTAL = budget(USUAL, 200_000);

test.serial('uploads that are cut off and captured have no wrong byte at either end', async (t) => {
  const { code, stderr, result } = await run('request/soak-bodies.js', {
    ...still,
    args: [`${TOTAL}`],
  });
  t.is(code, 0, stderr);
  t.log(JSON.stringify(result));
  t.is(result.wrong, 0, 'sameBytes: of what arrived');
  t.is(result.harmed, 0, 'sameBytes: of what others have');
  t.true(result.captured > TOTAL / 100);
  t.true(result.cutOff > TOTAL / 20);
  t.true(result.rejected > 0 && result.rejected <= result.cutOff);
  t.is(result.memory.leased, 0);
  t.is(result.memory.held, 0);
  const { released, adopted, copied } = result.bodies;
  t.true(released > 0 && adopted > 0);
  if (TOTAL >= USUAL) {
    t.true(released > 0.7 * (adopted + copied));
    t.true(adopted > 0.2 * copied);
  }
  t.is(result.memory.adopted, 0);
  const [, half, end] = result.rss;
  t.true(end - half <= 16, String(result.rss));
});

const resets = {
  'with their first requests': {
    args: [budget(8, 80)],
    answer(res, id, stamped) {
      const buffer = stamped(id % 5 === 0 ? 90_000 : 3000);
      setImmediate(() => res.end(buffer));
    },
  },
  // Beyond the high-water mark of its answers Node reads no more, and so hears of no reset: the peer that has gone is missed after five seconds.
  'while what they are sent keeps the server from reading': {
    args: [budget(4, 40), 4],
    answer(res, id, stamped) {
      if (id % 4 === 1) return setImmediate(() => res.end(stamped(1500)));
      if (id % 4 === 2) return res.writeHead(204).end();
      res.write(stamped(90_000));
      setImmediate(() => res.end(stamped(3000)));
    },
  },
};

for (const [when, { args, answer }] of Object.entries(resets)) {
  test.serial(`https: clients that reset TCP below TLS ${when}`, async (t) => {
    const ledger = new Ledger();
    let begun = 0;
    const { arenas, port } = await serveOn(t, 'https', ({ arena, res }) => {
      const id = ++begun;
      answer(res, id, (size) => ledger.stamp(id, arena.allocUnsafe(size)));
      return RAW;
    });
    const { code } = await run('request/resets-below-tls.js', { args: [port, ...args] });
    t.is(code, 0);
    await until(() => arenas.stats().inFlight === 0);
    t.true(begun >= 2 * args[0]);
    const { finished, aborted } = arenas.stats();
    t.is(finished + aborted, begun);
    ledger.assertOwn(t);
    assertSettled(t, arenas);
  });
}
