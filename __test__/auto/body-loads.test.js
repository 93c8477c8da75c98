'use strict';
// tier: run-time, differs

// Random bodies through unchanged parsers, and through body() and chunks(), in a process of its own with ralloc/auto.

const test = require('ava');
const path = require('node:path');
const { budget, isSoak, seedOr } = require('../helpers/budget.js');
const { run } = require('../helpers/child.js');

const PRELOAD = path.join(__dirname, '..', '..', 'lib', 'auto', 'preload.js');
const TOTAL = budget(160, 50_000);
const SEED = seedOr(4141);

test('bodies, uploads and intercepted answers have no wrong byte, and none that others have', async (t) => {
  const { code, stderr, result } = await run('auto/body-loads.js', {
    args: [`${TOTAL}`, `${SEED}`],
    execArgv: ['--require', PRELOAD],
    env: { RALLOC_AUTO: '', RALLOC_TABLE: '' },
  });
  t.is(code, 0, stderr);
  t.log(JSON.stringify(result), `RALLOC_SEED=${SEED}`);
  const { requests, answered, cut, captured, bodies, bytes, arenas, rss } = result;
  t.is(result.wrong, 0, stderr);
  t.is(result.harmed, 0, 'what others have');
  t.is(requests, TOTAL);
  t.is(answered + cut, TOTAL);
  t.true(bodies > TOTAL / 4 && bytes > bodies * 16_384);
  if (TOTAL >= 160) t.true(captured > 0 && cut > 0 && arenas.released > 0 && arenas.adopted > 0);
  if (isSoak) t.true(rss[2] - rss[1] <= 24, String(rss));
});
