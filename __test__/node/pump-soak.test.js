'use strict';
// tier: run-time, differs

// Transfers at random, in a process of its own.

const test = require('ava');
const { budget } = require('../helpers/budget.js');
const { run } = require('../helpers/child.js');
const { still } = require('../helpers/still.js');

const TOTAL = budget(400, 60_000, 150);
const MANY = TOTAL < 400 ? 1 : TOTAL / 20; // how many a few are, chance says

test.serial(
  'transfers that are cut off, given up and captured have no wrong byte, and each pump ends',
  async (t) => {
    const { code, stderr, result } = await run('memory/soak-pumps.js', {
      ...still,
      args: [`${TOTAL}`],
    });
    t.is(code, 0, stderr);
    t.log(JSON.stringify(result));
    t.is(result.wrong, 0, 'sameBytes: of what arrived');
    t.is(result.harmed, 0, 'sameBytes: of what others have');
    t.is(result.pending, 0);
    t.true(result.captured >= MANY);
    t.true(result.cutOff >= MANY);
    t.true(result.failed >= MANY);
    const { released, left, links } = result.bodies;
    t.true(released + left.shared > 5 * (left.seen + left.foreign + left.unwritten));
    t.true(links.released > 5 * links.plain);
    const [, half, end] = result.rss;
    t.true(end - half <= 24, String(result.rss));
  },
);
