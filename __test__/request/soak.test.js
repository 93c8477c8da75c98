'use strict';

// 100,000 requests in a process of its own.

const test = require('ava');
const { run } = require('../helpers/child.js');

const MiB = 1024 * 1024;
// What is not ralloc's is kept from moving: V8's young generation, which grows to 48 MB as it likes, and
// glibc's free lists, which keep freed blocks of some 10 KiB for ever.
const settings = {
  execArgv: ['--min-semi-space-size=4', '--max-semi-space-size=4'],
  env: { MALLOC_MMAP_THRESHOLD_: '16384', NODE_V8_COVERAGE: undefined },
};

test.serial('100,000 requests with random aborts leak nothing', async (t) => {
  const { code, stderr, result } = await run('request/soak-random.js', settings);
  t.is(code, 0, stderr);
  t.log(`RSS ${result.warm / MiB} MiB after 20,000, ${result.end / MiB} MiB at the end`);
  t.true(result.end <= result.warm + 10 * MiB);
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
  const { code, stderr, result } = await run('request/soak-aborted.js', settings);
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
