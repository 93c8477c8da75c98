'use strict';
// tier: run-time, differs

// Files and answers at random through unchanged packages, and by pump(), with ralloc/auto, in a process of its own.

const test = require('ava');
const path = require('node:path');
const { budget, isSoak } = require('../helpers/budget.js');
const { run } = require('../helpers/child.js');

const PRELOAD = path.join(__dirname, '..', '..', 'lib', 'auto', 'preload.js');
const TOTAL = budget(150, 50_000, 100);

test('answers that are tapped, teed, given up and read slowly have no wrong byte, and each pump ends', async (t) => {
  const { code, stderr, result } = await run('auto/soak-streams.js', {
    args: [`${TOTAL}`],
    execArgv: ['--require', PRELOAD],
    env: { RALLOC_AUTO: '' },
  });
  t.is(code, 0, stderr);
  t.log(JSON.stringify(result));
  const { wrong, harmed, captured, cutOff, whole, failed, released, rss, streams, files } = result;
  t.deepEqual(wrong, [], 'sameBytes: of what arrived');
  t.is(harmed, 0, 'sameBytes: of what others have');
  t.true(captured > TOTAL / 20);
  t.true(cutOff > TOTAL / 50);
  t.true(whole > TOTAL / 2);
  t.true(released > TOTAL * 16 * 1024);
  t.true(streams.watched > TOTAL / 8);
  t.true(files.reused > TOTAL / 20);
  if (!isSoak) return;
  t.true(failed > 0);
  t.true(rss[2] - rss[1] <= 24, String(rss));
});
