'use strict';
// tier: run-time

const test = require('ava');
const { setImmediate: turn } = require('node:timers/promises');
const { markAsUntransferable } = require('node:worker_threads');
const { Arena } = require('../..');
const { stamp, isStamped, isZero, isDead } = require('../helpers/bytes.js');
const { isNative } = require('../helpers/backend.js');
const { fresh } = require('../helpers/fresh.js');
const { begin } = require('../helpers/waiting.js');
const { gc, until, untilCollected } = require('../helpers/until.js');
const { closing } = require('../helpers/sources.js');

const KiB = 1024;

test('gc: Buffers keep their bytes over resets, for as long as anybody has them', async (t) => {
  const arena = closing(t, { safety: 'gc' });
  const kept = [];
  for (let i = 0; i < 20; i++) {
    kept.push(stamp(arena.allocUnsafe(1000), i));
    for (let k = 0; k < 5; k++) arena.allocUnsafe(1000).fill(0xee);
    arena.reset();
    if (i % 5 === 0) await untilCollected(() => true);
  }
  kept.forEach((buffer, i) => {
    t.true(isStamped(buffer, i));
  });
  t.true(arena.stats().memory.quarantined >= 20 * 64 * KiB);
  kept.length = 0;
  await untilCollected(() => arena.stats().memory.quarantined === 0);
  t.is(arena.stats().memory.leased, 0);
});

test('gc: at its limit nothing can be had while Buffers are seen, and everything after their finalizers', async (t) => {
  const arena = new Arena({ safety: 'gc', maxBytes: 256 * KiB, chunkSize: 64 * KiB });
  const fill = () => {
    const kept = [];
    const more = () => {
      for (;;) {
        kept.push(stamp(arena.allocUnsafe(64 * KiB), kept.length));
        arena.reset();
      }
    };
    t.throws(more, { code: 'ERR_RALLOC_LIMIT' });
    t.is(kept.length, 4);
    return kept;
  };
  const kept = fill();
  t.is(arena.stats().memory.quarantined, 256 * KiB);
  gc();
  await turn();
  t.true(kept.every((buffer, i) => isStamped(buffer, i)));
  kept.length = 0;
  await untilCollected(() => arena.stats().memory.used === 0);
  fill();
  arena.close();
});

test('gc: scopes and rewinds leave Buffers alive too', (t) => {
  const arena = new Arena({ safety: 'gc' });
  let inner;
  arena.scope((child) => {
    inner = stamp(child.alloc(100), 1);
  });
  const mark = arena.checkpoint();
  const since = stamp(arena.alloc(100), 2);
  arena.rewind(mark);
  arena.scope((child) => child.allocUnsafe(1000).fill(0xff).length);
  arena.allocUnsafe(1000).fill(0xff);
  t.true(isStamped(inner, 1));
  t.true(isStamped(since, 2));
  arena.close();
  t.true(isStamped(inner, 1));
  t.true(isStamped(since, 2));
});

test('recycle: memory is used again at once, and Buffers over it show what comes next', (t) => {
  const arena = closing(t, { safety: 'recycle' });
  const first = stamp(arena.alloc(1000), 1);
  const { mapped } = arena.stats().memory;
  arena.reset();
  const second = arena.allocUnsafe(1000);
  t.is(second.buffer, first.buffer);
  t.is(second.byteOffset, first.byteOffset);
  t.true(isStamped(second, 1));
  stamp(second, 2);
  t.true(isStamped(first, 2));
  t.is(arena.stats().memory.mapped, mapped);
});

for (const way of ['shrink', 'close']) {
  test(`recycle: memory that leaves the arena (${way}) is free at once, and Buffers over it are dead`, (t) => {
    const arena = closing(t, { safety: 'recycle', maxBytes: 300 * KiB });
    const stale = [1000, 100 * KiB].map((size) => stamp(arena.alloc(size), 1));
    arena.reset();
    t.true(stale.every((buffer) => buffer.length > 0));
    arena[way]();
    t.true(stale.every(isDead));
    const { used, quarantined } = arena.stats().memory;
    t.deepEqual([used, quarantined], [0, 0]);
  });
}

test('recycle: memory stays while operations of Node have stale Buffers over it', (t) => {
  const arena = closing(t, { safety: 'recycle', guard: true });
  const stale = [100, 100 * KiB].map((size) => stamp(arena.allocUnsafe(size), 1));
  arena.reset();
  const ends = stale.map(begin);
  arena.shrink();
  t.true(stale.every((buffer) => isStamped(buffer, 1)));
  t.true(arena.stats().memory.held > 100 * KiB);
  for (const end of ends) end();
  arena.shrink();
  t.true(stale.every(isDead));
  t.is(arena.stats().memory.used, 0);
});

test('recycle: memory that nobody can detach waits for the collector', (t) => {
  const arena = closing(t, { safety: 'recycle' });
  const stale = stamp(arena.allocUnsafe(100), 1);
  markAsUntransferable(stale.buffer);
  arena.reset();
  arena.shrink();
  const isQuarantined = arena.stats().memory.quarantined > 0;
  t.is(isQuarantined, isStamped(stale, 1));
  t.is(!isQuarantined, isDead(stale), 'Node 20 detaches it');
});

for (const safety of ['detach', 'recycle']) {
  test(`wipe: what was handed out is zero after a ${safety} reset`, (t) => {
    const chunkSize = 768 * KiB; // a size class of its own in the depot
    const arena = closing(t, { wipe: true, safety, chunkSize });
    for (const size of [100, 60 * KiB, 500 * KiB]) {
      arena.allocUnsafe(size).fill(0xff);
      const mark = arena.checkpoint();
      arena.allocUnsafe(5000).fill(0xff);
      arena.rewind(mark);
      t.true(isZero(arena.allocUnsafe(5000)));
      arena.reset();
      t.true(isZero(arena.allocUnsafe(size)), `${size} bytes`);
      arena.reset();
    }
    arena.scope((child) => child.allocUnsafe(5000).fill(0xff).length);
    arena.scope((child) => t.true(isZero(child.allocUnsafe(5000))));
  });
}

test('wipe: no bytes reach another arena, by any way out of this one', async (t) => {
  const chunkSize = 832 * KiB; // a size class of its own in the depot
  const leave = {
    detach: (arena) => arena.close(),
    gc: (arena) => arena.close(),
    recycle: (arena) => arena.close(),
  };
  for (const [i, [safety, end]] of Object.entries(leave).entries()) {
    const arena = new Arena({ wipe: true, safety, chunkSize });
    (() => arena.allocUnsafe(chunkSize).fill(0xff))();
    end(arena);
    const isLeft = () => arena.chunkStats().length === 0;
    await untilCollected(isLeft);
    const next = new Arena({ chunkSize, maxBytes: (5000 + i) * KiB }); // no pool of a closed one
    t.true(isZero(next.allocUnsafe(chunkSize)), safety);
    if (isNative && safety !== 'detach') t.is(next.stats().memory.recycled, 1, 'the same memory');
    next.alloc(1 + next.stats().limit - 2 * chunkSize); // too much to be kept warm
    next.close();
    await untilCollected(() => next.chunkStats().length === 0);
  }
});

/** Arenas to whom no collection is dear: after one in a pause of the machine there is none for a minute. */
function unhurried(options) {
  const { cpuUsage } = process;
  process.cpuUsage = () => ({ user: 0, system: 0 });
  try {
    const ralloc = fresh('index.js');
    return new ralloc.Arena(options);
  } finally {
    process.cpuUsage = cpuUsage;
  }
}

test('gc: resets go on for ever where the event loop turns and no Buffer is kept', async (t) => {
  const arena = unhurried({ safety: 'gc', maxBytes: 64 * KiB * KiB });
  let bytes = 0;
  while (bytes < 5 * arena.stats().limit) {
    bytes += arena.allocUnsafe(100_000).length;
    arena.reset();
    await turn();
  }
  t.true(arena.stats().memory.peak <= arena.stats().limit);
  arena.close();
});

test('gc: without a turn there is an end, whose error says why; after some it goes on', async (t) => {
  const arena = unhurried({ safety: 'gc', maxBytes: 8 * KiB * KiB });
  const loop = () => {
    for (let i = 0; i < 1000; i++) {
      arena.allocUnsafe(100_000);
      arena.reset();
    }
  };
  const { used, message } = t.throws(loop, { code: 'ERR_RALLOC_LIMIT' });
  t.regex(
    message,
    /^\d+ bytes do not fit: \d+ of 8388608 bytes are taken \(0 B in use, .* waiting for a garbage collection\)\. Raise "maxBytes", or let the event loop turn, for a garbage collection$/,
  );
  await until(() => arena.stats().memory.quarantined < used);
  t.is(arena.allocUnsafe(100_000).length, 100_000);
  arena.close();
});
