'use strict';
// tier: tools

// Applications with one line that matters: the report names it first, and its figures are those of the application itself.

const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { bucketEnd, bucketStart } = require('../../../tools/recorder/buckets.js');
const { events } = require('../../../tools/recorder/events.js');
const { Profile } = require('../../helpers/sums.js');
const { isNative } = require('../../helpers/backend.js');
const { fixturePath } = require('../../helpers/child.js');
const { called } = require('../../helpers/cli.js');
const { folder } = require('../../helpers/folder.js');
const { ralloc } = require('../../helpers/profile.js');

const LEAST_SAMPLES = 1000;

/** Puts an application of fixtures/tools/recorder/planted/ into a folder. The line that matters is marked `// planted`. */
function plant(dir, name) {
  const source = join(dir, name);
  fs.cpSync(fixturePath('tools/recorder/planted'), dir, { recursive: true });
  const lines = fs.readFileSync(source, 'utf8').split('\n');
  const line = 1 + lines.findIndex((text) => text.endsWith('// planted'));
  return { source, line };
}

function assertNear(t, value, truth, share, what) {
  const off = Math.abs(value - truth);
  t.true(off <= truth * share, `${what}: ${value} instead of ${truth}`);
}

/** Bytes of the cells of the line's sites that `chosen` is true of. */
function bytesOf(profile, { line }, chosen) {
  const ofLine = ({ frames }) => frames.some((frame) => frame.line === line);
  const ids = new Set(profile.sites.filter(ofLine).map(({ id }) => id));
  const cells = profile.cells.filter((cell) => ids.has(cell.site) && chosen(cell));
  return cells.reduce((sum, { bytes }) => sum + bytes, 0);
}

/**
 * No death is told to be earlier than it was, and those of the young are told at the next collection; `gap`: ms without one, at most. The fallback
 * hears by FinalizationRegistry, whose task may come behind the next collection.
 */
function assertLifetimes(t, profile, app, { lifetime: [shortest, longest], gap }) {
  const { DIED, DIED_OLD } = events;
  const all = bytesOf(profile, app, ({ event }) => event === DIED || event === DIED_OLD);
  const early = ({ event, bucket }) =>
    (event === DIED || event === DIED_OLD) && bucketEnd(bucket) < shortest;
  t.is(bytesOf(profile, app, early), 0, `deaths before ${shortest} ms`);
  if (!isNative) return;
  const late = ({ event, bucket }) => event === DIED && bucketStart(bucket) > longest + gap;
  t.true(bytesOf(profile, app, late) < all / 20, `deaths after ${longest} and ${gap} ms`);
}

for (const [name, what] of [
  ['leak.js', 'a leak in a Map'],
  ['churn.js', 'churn in a parser of rows'],
  ['cache.js', 'a cache with eviction'],
  ['worker.js', 'a worker'],
]) {
  test(`${what}: the report names the line first`, async (t) => {
    const dir = folder(t);
    const app = plant(join(dir, 'app'), name);
    const file = join(dir, 'a.jsonl');
    const command = ['--rate', '16k', '--', process.execPath, app.source];
    const recorded = await ralloc(['profile', '-o', file, ...command]);
    t.is(recorded.code, 0, recorded.stderr);
    const { result: truth } = recorded; // the application tells it itself
    const [first] = JSON.parse((await called(['report', file, '--json'])).stdout).sites;
    t.deepEqual([first.file, first.line], [app.source, app.line]);
    t.true(first.samples >= LEAST_SAMPLES, `${first.samples} samples`);
    t.true(first.error <= 2 / Math.sqrt(LEAST_SAMPLES));
    assertNear(t, first.bytes, truth.bytes, 0.1, 'bytes');
    assertNear(t, first.count, truth.count, 0.1, 'count');
    // Few live: an estimate of few samples, and what died is not all heard of.
    t.true(Math.abs(first.live - truth.live) <= truth.bytes * 0.1, `live: ${first.live}`);
    const profile = Profile.read(file);
    t.is(profile.skipped, 0);
    if (truth.lifetime) assertLifetimes(t, profile, app, truth);
    else if (truth.live === truth.bytes) t.deepEqual(first.lifetimes, []);
  });
}
