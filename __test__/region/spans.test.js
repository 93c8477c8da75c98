'use strict';
// tier: run-time

// Free memory goes back to the system by collect(); in idle times: idle-loop.test.js.

const test = require('ava');
const { Region } = require('../..');
const { nativeTest } = require('../helpers/backend.js');
const { isStamped, stamp } = require('../helpers/bytes.js');
const { soundRegion } = require('../helpers/region.js');

const MiB = 2 ** 20;

/** A region with holes: every eighth of 2000 Buffers of 10 KiB is held. */
function sparse() {
  const region = new Region({ collectWhenIdle: false });
  const all = Array.from({ length: 2000 }, (_, i) => stamp(region.allocUnsafe(10_240), i));
  const kept = all.filter((_, i) => i % 8 === 0);
  for (const buffer of all) if (!kept.includes(buffer)) region.free(buffer);
  return { region, kept };
}

const intact = (kept) => kept.every((buffer, i) => isStamped(buffer, 8 * i));

nativeTest(
  'collect() gives pages of free spans back, and blocks keep their bytes',
  'V8 gives back whole chunks alone',
  (t) => {
    const { region, kept } = sparse();
    const before = region.stats();
    t.true(before.committed > before.taken - MiB);
    const { chunks, bytes } = region.collect();
    t.is(chunks, 0);
    t.true(bytes > 0.9 * before.free && bytes <= before.free, `${bytes} of ${before.free}`);
    const after = region.stats();
    t.is(after.committed, before.committed - bytes);
    t.like(after, { reserved: before.reserved, used: before.used, collected: bytes });
    t.true(intact(kept));
    t.deepEqual(region.collect(), { chunks: 0, bytes: 0 }, 'nothing was freed since');
    soundRegion(t, region);
    const again = stamp(region.allocUnsafe(10_240), 5);
    t.true(isStamped(again, 5));
    region.close({ force: true });
  },
);

test('collect() ends chunks that are free as a whole, on every backend', (t) => {
  const { region, kept } = sparse();
  const before = region.stats();
  for (const buffer of kept) region.free(buffer);
  const { chunks, bytes } = region.collect();
  t.is(chunks, before.chunks);
  t.is(bytes, before.reserved);
  t.like(region.stats(), { reserved: 0, taken: 0, chunks: 0, committed: 0 });
  t.is(kept[0].length, 0, 'freed Buffers are dead then');
  t.is(stamp(region.alloc(10), 1).length, 10);
  region.close({ force: true });
});

test('collect() of nothing gives nothing', (t) => {
  const region = new Region();
  t.deepEqual(region.collect(), { chunks: 0, bytes: 0 });
  region.close();
});
