'use strict';
// tier: tools, differs by Node

// Random loads with ralloc/auto, each in a process of its own: bodies through unchanged parsers, and through body() and chunks(); files and answers through unchanged packages, and
// by pump().

const test = require('ava');
const path = require('node:path');
const { budget, isSoak, seedOr } = require('../helpers/budget.js');
const { run } = require('../helpers/child.js');

const PRELOAD = path.join(__dirname, '..', '..', 'lib', 'auto', 'preload.js');
const SEED = seedOr(4141);
const BODIES = budget(160, 50_000);
const STREAMS = budget(100, 50_000, 100);

/** What a program with ralloc/auto prints. */
async function loaded(t, name, ...args) {
  const { code, stderr, result } = await run(name, {
    args: args.map(String),
    execArgv: ['--require', PRELOAD],
    env: { RALLOC_AUTO: '', RALLOC_TABLE: '' },
  });
  t.is(code, 0, stderr);
  t.log(JSON.stringify(result), `RALLOC_SEED=${SEED}`);
  return { ...result, stderr };
}

test('bodies, uploads and intercepted answers have no wrong byte, and none that others have', async (t) => {
  const { stderr, ...result } = await loaded(t, 'auto/body-loads.js', BODIES, SEED);
  const { requests, answered, cut, captured, bodies, bytes, arenas, rss } = result;
  t.is(result.wrong, 0, stderr);
  t.is(result.harmed, 0, 'what others have');
  t.is(requests, BODIES);
  t.is(answered + cut, BODIES);
  t.true(bodies > BODIES / 4 && bytes > bodies * 16_384);
  if (BODIES >= 160) t.true(captured > 0 && cut > 0 && arenas.released > 0 && arenas.adopted > 0);
  if (isSoak) t.true(rss[2] - rss[1] <= 24, String(rss));
});

test('answers that are tapped, teed, given up and read slowly have no wrong byte, and each pump ends', async (t) => {
  const result = await loaded(t, 'auto/soak-streams.js', STREAMS, SEED);
  const { wrong, harmed, captured, cutOff, whole, failed, released, rss, streams, files } = result;
  t.deepEqual(wrong, [], 'sameBytes: of what arrived');
  t.is(harmed, 0, 'sameBytes: of what others have');
  t.true(captured > STREAMS / 20);
  t.true(cutOff > STREAMS / 50);
  t.true(whole > STREAMS / 2);
  t.true(released > STREAMS * 16 * 1024);
  t.true(streams.watched > STREAMS / 8);
  t.true(files.reused > STREAMS / 20);
  if (!isSoak) return;
  t.true(failed > 0);
  t.true(rss[2] - rss[1] <= 24, String(rss));
});
