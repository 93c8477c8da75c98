'use strict';
// tier: run-time

const test = require('ava');
const { Arena, RallocError } = require('../..');
const { stamp } = require('../helpers/bytes.js');
const { steal } = require('../helpers/theft.js');
const { constants } = require('node:buffer');
const { isNative, testWhere } = require('../helpers/backend.js');
const { closing } = require('../helpers/sources.js');

const KiB = 1024;
const MiB = 1024 * KiB;

/** Allocates `size` bytes at a time until the limit: the Buffers, and the error. */
function fill(arena, size) {
  const buffers = [];
  for (;;) {
    try {
      buffers.push(stamp(arena.allocUnsafe(size), buffers.length));
    } catch (error) {
      return { buffers, error };
    }
  }
}

test('at the limit an allocation throws, tells what was asked, allowed, used, and what to raise, and spoils nothing', (t) => {
  const arena = closing(t, { maxBytes: 100_000 });
  const first = arena.alloc(10);
  const { used } = arena.stats().memory;
  for (const size of [200_000, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
    for (const method of ['alloc', 'reserve']) {
      const error = t.throws(() => arena[method](size), { code: 'ERR_RALLOC_LIMIT' });
      t.like(error, { name: 'RallocError', limit: 100_000, used, option: 'maxBytes' });
      if (method === 'alloc') t.is(error.requested, size);
      t.regex(error.message, /\d+ .*100000 .*"maxBytes"/);
    }
  }
  const second = arena.alloc(10);
  t.is(second.buffer, first.buffer);
  t.is(second.byteOffset, first.byteOffset + 16);
});

test('up to the limit every byte can be had', (t) => {
  for (const maxBytes of [1, 100, 4096, 100_000, 1 * MiB, 3 * MiB + 17]) {
    const arena = new Arena({ maxBytes, align: 1 });
    t.is(arena.allocUnsafe(maxBytes).length, maxBytes);
    t.throws(() => arena.alloc(1), { code: 'ERR_RALLOC_LIMIT' }, `${maxBytes}`);
    arena.reset();
    t.is(arena.alloc(maxBytes).length, maxBytes);
    arena.close();
  }
});

for (const safety of ['detach', 'recycle', 'gc']) {
  for (const call of ['alloc', 'reserve']) {
    test(`what can never fit changes nothing (${call}, ${safety})`, (t) => {
      const arena = closing(t, { maxBytes: 1 * MiB, safety });
      for (const size of [60_000, 70_000, 140_000, 250_000]) {
        arena.alloc(size);
        arena.reset();
      }
      arena.reserve(300_000);
      const gauges = () => {
        const { used, leased, warm, quarantined, limbo } = arena.stats().memory;
        return { used, leased, warm, quarantined, limbo };
      };
      const before = gauges();
      t.throws(() => arena[call](1 * MiB + 1), { code: 'ERR_RALLOC_LIMIT' });
      t.deepEqual(gauges(), before);
      t.is(arena.alloc(300_000).length, 300_000);
      t.is(gauges().used, before.used);
    });
  }
}

test('the stack of a refusal begins at most six lines above the one that allocates', (t) => {
  const arena = closing(t, { maxBytes: 1 * MiB });
  const { stack } = t.throws(() => arena.allocUnsafe(2 * MiB), { code: 'ERR_RALLOC_LIMIT' });
  const frames = stack.split('\n').slice(1);
  const own = frames.findIndex((frame) => frame.includes(__filename));
  t.true(own > 0 && own <= 6, stack);
});

test('what does not fit beside chunks in use and in quarantine takes nothing that is warm', (t) => {
  const arena = closing(t, { maxBytes: 1 * MiB, safety: 'gc' });
  arena.allocUnsafe(300 * KiB);
  arena.reset();
  arena.allocUnsafe(300 * KiB);
  arena.scope((scope) => scope.reserve(100 * KiB));
  const { leased, warm, quarantined } = arena.stats().memory;
  t.true(leased >= 300 * KiB && warm >= 100 * KiB && quarantined >= 300 * KiB);
  t.throws(() => arena.alloc(500 * KiB), { code: 'ERR_RALLOC_LIMIT' });
  t.like(arena.stats().memory, { leased, warm, quarantined });
  t.is(arena.alloc(330 * KiB).length, 330 * KiB, 'what fits in place of the warm has it');
});

test('nor does what does not fit beside the scopes that are open', (t) => {
  const arena = closing(t, { maxBytes: 1001 * KiB }); // no pool of a closed one
  for (const size of [60, 100]) arena.alloc(size * KiB);
  arena.reset();
  arena.scope((scope) => {
    scope.alloc(600 * KiB);
    const { leased, warm } = arena.stats().memory;
    t.true(warm >= 160 * KiB);
    t.throws(() => scope.alloc(500 * KiB), { code: 'ERR_RALLOC_LIMIT' });
    t.like(arena.stats().memory, { leased, warm });
  });
});

for (const safety of ['detach', 'recycle']) {
  test(`sizes that grow from reset to reset never meet the limit (${safety})`, (t) => {
    const arena = closing(t, { maxBytes: 1 * MiB, safety });
    for (let size = 10_000; size <= 1 * MiB; size += 10_000) {
      t.is(arena.allocUnsafe(size).length, size);
      arena.reset();
    }
    t.is(arena.stats().memory.quarantined, 0);
  });
}

test('the empty window that a reset leaves is not in the way of a larger Buffer', (t) => {
  const arena = closing(t, { maxBytes: 8 * MiB });
  for (const size of [10, 4 * MiB, 5 * MiB, 6 * MiB, 8 * MiB, 3 * MiB, 8 * MiB]) {
    t.is(arena.alloc(size).length, size);
    arena.reset();
  }
  arena.reserve(5 * MiB);
  t.is(arena.alloc(6 * MiB).length, 6 * MiB);
});

test('memory of resets, scopes and rewinds can be had in another shape, up to the limit', (t) => {
  const arena = closing(t, { maxBytes: 1 * MiB });
  const isFree = () => t.is(arena.alloc(600 * KiB).length, 600 * KiB);
  fill(arena, 16 * KiB);
  arena.reset();
  isFree();
  arena.reset();
  t.true(fill(arena, 16 * KiB).buffers.length >= 60);
  arena.reset();
  arena.scope((child) => {
    fill(child, 16 * KiB);
  });
  isFree();
  arena.reset();
  const mark = arena.checkpoint();
  fill(arena, 10 * KiB);
  arena.rewind(mark);
  isFree();
});

const counted = {
  'in use': (arena) => arena.alloc(100),
  warm: (arena) => {
    arena.alloc(100);
    arena.scope((child) => child.alloc(100).length);
    arena.reset();
  },
  held: (arena) => {
    arena.alloc(100);
    arena.hold();
    arena.reset();
  },
  quarantined: (arena) => {
    arena.alloc(100);
    arena.reset();
  },
  stolen: (arena) => steal(arena.alloc(100)),
};

for (const [state, bring] of Object.entries(counted)) {
  test(`memory that is ${state} counts toward the limit`, async (t) => {
    const safety = state === 'quarantined' ? 'gc' : 'detach';
    const arena = closing(t, { maxBytes: 256 * KiB, chunkSize: 64 * KiB, safety });
    await bring(arena);
    arena.stats(); // notices a theft
    arena.allocUnsafe(1);
    const { memory } = arena.stats();
    const { limit, used, peak, leased, warm, held, quarantined, stolen, limbo } = memory;
    t.is(used, leased + warm + held + quarantined + stolen + limbo);
    t.is(limit, 256 * KiB);
    t.true(peak >= used);
    if (state === 'in use') t.true(leased > 0);
    else if (state !== 'stolen' || isNative) t.true(memory[state] > 0, JSON.stringify(memory));
    const { buffers } = fill(arena, 16 * KiB);
    t.true(buffers.length < 16);
    t.true(arena.stats().memory.peak <= 256 * KiB);
  });
}

test('a Buffer that V8 cannot make is a typed error, and the arena goes on', (t) => {
  const arena = new Arena({ maxBytes: Number.MAX_SAFE_INTEGER });
  const error = t.throws(() => arena.allocUnsafe(2 ** 47), { instanceOf: RallocError });
  t.regex(error.code, /^ERR_RALLOC_(MAP|UNSUPPORTED)$/);
  t.is(arena.allocUnsafe(8).length, 8);
});

testWhere(
  constants.MAX_LENGTH < 2 ** 40,
  'a runtime whose Buffers are shorter than its addresses allow',
  'a Buffer that is longer than the runtime allows is a typed error, and nothing is leased',
  (t) => {
    const arena = new Arena({ maxBytes: 2 ** 40 });
    t.throws(() => arena.alloc(constants.MAX_LENGTH + 1), {
      code: 'ERR_RALLOC_UNSUPPORTED',
      message: /longer than this runtime allows, which is \d+ bytes$/,
    });
    t.is(arena.stats().memory.leased, 0);
    arena.close();
  },
);
