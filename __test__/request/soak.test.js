'use strict';
// tier: run-time, differs

// 100,000 requests in a process of its own.

const test = require('ava');
const { run } = require('../helpers/child.js');
const { still } = require('../helpers/still.js');

const MiB = 1024 * 1024;

test.serial('100,000 requests with random aborts leak nothing', async (t) => {
  const { code, stderr, result } = await run('request/soak-random.js', still);
  t.is(code, 0, stderr);
  const [warm, half, end] = result.rss.map((bytes) => bytes / MiB);
  t.log(`RSS ${warm} MiB after 20,000, ${half} after 60,000, ${end} at the end`);
  t.true(Math.min(half - warm, end - half) <= 5); // a leak is in both
  t.true(result.requests >= 100_000);
  t.is(result.requests, result.finished + result.aborted);
  t.true(result.aborted >= 10_000);
  t.is(result.inFlight, 0);
  t.is(result.memory.leased, 0);
  t.is(result.memory.held, 0);
  t.is(result.wrong, 0, 'every answer was right, byte for byte');
  t.is(result.stale, 0, 'no Buffer showed what was not its own');
});

test.serial('100,000 requests all aborted never take more than maxBytes', async (t) => {
  const { code, stderr, result } = await run('request/soak-aborted.js', still);
  t.is(code, 0, stderr);
  const { maxBytes, most, leased, memory } = result;
  t.log(`${most / MiB} MiB at most; ${leased} had arena memory, the others the heap's`);
  t.true(most <= maxBytes);
  t.true(memory.peak <= maxBytes);
  t.true(most > maxBytes / 2, 'the limit was worth watching');
  t.true(leased >= 5000, 'memory came back all the time');
  t.is(result.requests, 100_000);
  t.is(result.aborted, 100_000);
  t.is(result.inFlight, 0);
  t.is(memory.leased, 0);
});
