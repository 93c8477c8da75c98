'use strict';
// tier: run-time, differs

// Uploads at random, in a process of its own.

const test = require('ava');
const { budget } = require('../helpers/budget.js');
const { run } = require('../helpers/child.js');
const { still } = require('../helpers/still.js');

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
