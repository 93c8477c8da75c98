'use strict';
// tier: run-time, differs

// Random requests in a process of its own, and in another one requests that are all aborted.

const test = require('ava');
const { budget } = require('../helpers/budget.js');
const { run } = require('../helpers/child.js');
const { still } = require('../helpers/still.js');

const MiB = 1024 * 1024;
const REQUESTS = budget(8000, 100_000);

test.serial('requests with random aborts leak nothing', async (t) => {
  const { code, stderr, result } = await run('request/soak-random.js', {
    ...still,
    args: [REQUESTS],
  });
  t.is(code, 0, stderr);
  const [warm, half, end] = result.rss.map((bytes) => bytes / MiB);
  t.log(`RSS ${warm} MiB after a fifth, ${half} after three, ${end} at the end`);
  t.true(Math.min(half - warm, end - half) <= 5); // a leak is in both
  t.true(result.requests >= REQUESTS);
  t.is(result.requests, result.finished + result.aborted);
  t.true(result.aborted >= REQUESTS / 10);
  t.is(result.inFlight, 0);
  t.is(result.memory.leased, 0);
  t.is(result.memory.held, 0);
  t.is(result.wrong, 0, 'sameBytes: of answers');
  t.is(result.stale, 0, 'sameBytes: of Buffers of requests that are over');
});

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

const USUAL = 2000; // fewer have no certain shares
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
