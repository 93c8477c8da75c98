'use strict';
// tier: run-time

const test = require('ava');
const { inspect } = require('node:util');
const { Arena, Slab, backend, slab, stats } = require('../..');
const { untilCollected } = require('../helpers/until.js');

const KiB = 1024;

test('a new arena has nothing', (t) => {
  const arena = new Arena({ name: 'new', maxBytes: 1 << 20, safety: 'gc' });
  const { memory, guarded, expired, ...rest } = arena.stats();
  t.deepEqual(expired, { holds: 0, operations: 0 });
  t.deepEqual(rest, {
    name: 'new',
    backend,
    safety: 'gc',
    limit: 1 << 20,
    live: true,
    allocated: 0,
    adopted: 0,
    spans: 0,
    scopes: 0,
    holds: 0,
    resets: 0,
  });
  t.deepEqual(Object.keys(guarded), ['fs', 'stream', 'http', 'web', 'dgram', 'crypto']);
  for (const counts of Object.values(guarded)) t.deepEqual(counts, { operations: 0, bytes: 0 });
  const { limit, ...counts } = memory;
  t.is(limit, 1 << 20);
  for (const [name, value] of Object.entries(counts)) t.is(value, 0, name);
  t.deepEqual(arena.chunkStats(), []);
  arena.close();
});

test('allocated counts what was handed out, with the padding between, in scopes too', (t) => {
  const arena = new Arena();
  arena.alloc(100);
  t.is(arena.stats().allocated, 104);
  arena.alloc(8);
  t.is(arena.stats().allocated, 112);
  arena.scope((child) => {
    child.alloc(16);
    t.is(arena.stats().allocated, 128);
    t.is(child.stats().allocated, 16);
    t.is(arena.stats().spans, 2);
  });
  t.is(arena.stats().allocated, 112);
  arena.reset();
  t.is(arena.stats().allocated, 0);
  t.is(arena.stats().resets, 1);
  arena.close();
});

test('memory moves between gauges, and their sum is what is used', (t) => {
  const arena = new Arena({ chunkSize: 64 * KiB, maxBytes: 640 * KiB }); // no other test's settings
  const check = (expected) => {
    const { memory } = arena.stats();
    const { used, leased, warm, held, quarantined, stolen, limbo } = memory;
    t.is(used, leased + warm + held + quarantined + stolen + limbo);
    t.is(memory.mapped + memory.recycled, 1);
    for (const [name, value] of Object.entries(expected)) t.is(memory[name], value, name);
  };
  arena.alloc(10);
  check({ leased: 64 * KiB, used: 64 * KiB, chunks: 1 });
  const hold = arena.hold();
  arena.reset();
  check({ leased: 0, held: 64 * KiB });
  hold.release();
  check({ held: 0, warm: 64 * KiB });
  arena.alloc(10);
  check({ leased: 64 * KiB, warm: 0, peak: 64 * KiB });
  arena.close();
});

test('no gauge is ever negative, also where one chunk is in two states', (t) => {
  const arena = new Arena();
  arena.scope((child) => {
    child.alloc(10);
    child.hold();
  });
  arena.scope((child) => child.alloc(10).length);
  for (const [name, value] of Object.entries(arena.stats().memory)) t.true(value >= 0, name);
  arena.close();
});

test('chunkStats() tells size, state, spans and pins of each chunk', async (t) => {
  const arena = new Arena({ chunkSize: 64 * KiB });
  arena.alloc(10).fill(1);
  const [chunk] = arena.chunkStats();
  const { resident, ...rest } = chunk;
  const bytes = { reserved: 64 * KiB, committed: 64 * KiB };
  t.deepEqual(rest, {
    size: 64 * KiB,
    state: 'leased',
    spans: 1,
    pins: 1,
    ...bytes,
    hugePages: 'none',
  });
  t.true(resident > 0 && resident <= 64 * KiB, `${resident}`);
  const hold = arena.hold();
  arena.reset();
  t.is(arena.chunkStats()[0].state, 'held');
  hold.release();
  arena.close();
  await untilCollected(() => arena.chunkStats().length === 0);
  t.is(arena.stats().memory.used, 0);
});

test('peak and mapped only go up', (t) => {
  const arena = new Arena();
  arena.alloc(500 * KiB);
  const { peak, mapped } = arena.stats().memory;
  arena.reset();
  arena.shrink();
  arena.alloc(10);
  const after = arena.stats().memory;
  t.true(after.peak >= peak);
  t.true(after.mapped + after.recycled >= mapped);
  arena.close();
});

test.serial('stats() tells the backend, what the depot did, and what was released', async (t) => {
  const { depot, bodies, compressors, files, streams, ...rest } = stats();
  t.deepEqual(rest, { backend });
  const closed = { rest: 0, full: 0, cheap: 0, unfinished: 0 };
  t.deepEqual(compressors, { made: 0, reused: 0, left: 0, idle: 0, closed });
  t.deepEqual(files, { open: 0, streams: 0, reads: 0, reused: 0, idle: 0, left: 0 });
  t.deepEqual(streams, { watched: 0, left: { sink: 0, readers: 0 }, chunks: 0 });
  const left = { shared: 0, bound: 0, early: 0, foreign: 0, seen: 0 };
  Object.assign(left, { unwritten: 0, dropped: 0, heap: 0 });
  const links = { released: 0, plain: 0 };
  t.deepEqual(bodies, { released: 0, adopted: 0, copied: 0, left, links });
  const gauges = ['chunks', 'reserved', 'committed', 'retained'];
  t.deepEqual(Object.keys(depot), [...gauges, 'hits', 'misses', 'hitRate', 'unmapped']);
  for (const [name, value] of Object.entries(depot)) t.true(value >= 0, name);

  const first = new Arena();
  first.alloc(5000 * KiB);
  const mapped = stats().depot;
  t.is(mapped.misses, depot.misses + 1);
  first.close();
  // Chunks of arenas that other tests left come back as well.
  await untilCollected(() => stats().depot.reserved >= mapped.reserved + 5000 * KiB);
  const kept = stats().depot;
  t.true(kept.chunks > mapped.chunks);
  t.true(kept.committed <= kept.reserved);

  const second = new Arena();
  second.alloc(5000 * KiB);
  const after = stats().depot;
  t.is(after.hits, depot.hits + 1);
  t.is(after.hitRate, after.hits / (after.hits + after.misses));
  second.close();
});

test('util.inspect shows an arena in one line', (t) => {
  const arena = new Arena({ name: 'mine', maxBytes: 1 << 20 });
  t.is(inspect(arena), `Arena 'mine' { live, 0 B of 1 MiB in 0 spans, detach, ${backend} }`);
  arena.alloc(1536);
  arena.hold();
  arena.scope(() => {
    t.is(
      inspect(arena),
      `Arena 'mine' { live, 1.5 KiB of 1 MiB in 1 span, detach, ${backend}, 1 scope, 1 hold }`,
    );
  });
  arena.close();
  t.regex(inspect(arena), /^Arena 'mine' \{ closed, 0 B /);
  t.is(
    inspect(new Arena({ safety: 'recycle' })),
    `Arena { live, 0 B of 64 MiB in 0 spans, recycle, ${backend} }`,
  );
});

test('what has no state of an arena or a slab is shown all the same', (t) => {
  for (const [Class, one] of [
    [Arena, new Arena()],
    [Slab, slab],
  ]) {
    t.is(inspect(new Proxy(one, {})), `${Class.name} {}`);
    t.is(inspect(Object.create(one)), `${Class.name} {}`);
  }
});

test('the stats of a scope are of its own, over the same memory', (t) => {
  const arena = new Arena({ name: 'outer' });
  arena.alloc(1000);
  arena.scope((child) => {
    const { name, allocated, spans, memory } = child.stats();
    t.deepEqual({ name, allocated, spans }, { name: 'outer', allocated: 0, spans: 0 });
    t.is(memory.used, arena.stats().memory.used);
    child.hold();
    child.hold();
    t.is(child.stats().holds, 2);
    t.is(arena.stats().holds, 0);
  });
  arena.close();
});
