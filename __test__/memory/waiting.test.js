'use strict';
// tier: run-time

// Spans that operations of Node still use when their arena is done with them. The operations here are taken as the
// guard takes them, and end when the test says so.

const test = require('ava');
const { newArena, begin, memoryOf, bytes } = require('../helpers/waiting.js');
const { kHolder } = require('../../lib/base/protocol.js');
const time = require('../../lib/base/time.js');
const { Arena } = require('../../lib/index.js');
const { Clock } = require('../helpers/clock.js');
const { untilCollected } = require('../helpers/until.js');
const { WarmSpans } = require('../../lib/memory/chunk-pool.js');

const KiB = 1024;

const ends = {
  'a reset': (arena, act) => {
    const buffer = act(arena);
    arena.reset();
    return buffer;
  },
  'a rewind': (arena, act) => {
    const checkpoint = arena.checkpoint();
    const buffer = act(arena);
    arena.rewind(checkpoint);
    return buffer;
  },
  'the end of a scope': (arena, act) => {
    let buffer;
    arena.scope((child) => {
      buffer = act(child);
    });
    return buffer;
  },
  "the end of a scope's parent": (arena, act) => {
    let buffer;
    arena.scope((child) => {
      buffer = act(child);
      arena.reset();
    });
    return buffer;
  },
  'the close of the arena': (arena, act) => {
    const buffer = act(arena);
    arena.close();
    return buffer;
  },
};

for (const [name, ending] of Object.entries(ends)) {
  for (const safety of ['detach', 'recycle']) {
    test(`an operation keeps its bytes over ${name}, with safety '${safety}'`, (t) => {
      const arena = newArena({ safety });
      let done;
      const buffer = ending(arena, (inner) => {
        const own = bytes(inner, 7);
        done = begin(own);
        return own;
      });
      t.true(memoryOf(arena).held > 0);
      const other = newArena({ safety });
      for (let i = 0; i < 20; i++) {
        if (arena.stats().live) bytes(arena, i + 10, 10 * KiB);
        bytes(other, i + 10, 10 * KiB);
      }
      t.deepEqual([...buffer], new Array(8).fill(7));
      done();
      t.is(memoryOf(arena).held, 0);
      if (safety === 'detach') t.is(buffer.length, 0);
      arena.close();
      other.close();
    });
  }
}

test('an operation that begins on a span which waits for another keeps it too', (t) => {
  const arena = newArena();
  const buffer = bytes(arena, 1);
  const first = begin(buffer);
  arena.reset();
  const second = begin(buffer);
  first();
  t.is(buffer.length, 8);
  second();
  t.is(buffer.length, 0);
  arena.close();
});

test('a hold and an operation both have to be over, in either order', (t) => {
  for (const order of ['hold first', 'operation first']) {
    const arena = newArena();
    const buffer = bytes(arena, 1);
    const done = begin(buffer);
    const hold = arena.hold();
    arena.reset();
    const steps = [() => hold.release(), done];
    if (order === 'operation first') steps.reverse();
    steps[0]();
    t.deepEqual([buffer.length, memoryOf(arena).held], [8, 64 * KiB], order);
    steps[1]();
    t.deepEqual([buffer.length, memoryOf(arena).held], [0, 0], order);
    arena.close();
  }
});

test('other spans of the epoch do not wait', (t) => {
  const arena = newArena();
  const [small, large] = [bytes(arena, 1), bytes(arena, 2, 200 * KiB)];
  const done = begin(small);
  arena.reset();
  t.deepEqual([small.length, large.length], [8, 0]);
  t.is(memoryOf(arena).held, 64 * KiB);
  done();
  arena.close();
});

test('what waits counts toward the limit, and is to be had again after the operation', (t) => {
  const arena = new Arena({ maxBytes: 64 * KiB, guard: true });
  const done = begin(bytes(arena, 1));
  arena.reset();
  t.throws(() => arena.alloc(1), { code: 'ERR_RALLOC_LIMIT' });
  done();
  t.is(arena.alloc(1).length, 1);
  arena.close();
});

test('an operation that ends twice does not let go what the next one needs', (t) => {
  const arena = newArena();
  const buffer = bytes(arena, 1);
  const first = begin(buffer);
  first();
  first();
  const second = begin(buffer);
  arena.reset();
  t.is(buffer.length, 8);
  second();
  t.is(buffer.length, 0);
  arena.close();
});

test('an operation on a dead Buffer is an error, on one of no bytes and on a heap Buffer none', (t) => {
  const arena = newArena();
  const buffer = bytes(arena, 1);
  begin(buffer.subarray(3, 3))();
  arena.reset();
  t.throws(() => begin(buffer), { code: 'ERR_RALLOC_DEAD_BUFFER' });
  t.is(arena.alloc(0).buffer[kHolder], undefined);
  arena.close();
});

test("nothing is marked without the guard, nor with safety 'gc'", (t) => {
  for (const options of [{}, { safety: 'gc' }, { guard: true, safety: 'gc' }]) {
    const arena = newArena({ guard: false, ...options });
    t.is(bytes(arena, 1).buffer[kHolder], undefined);
    arena.close();
  }
});

test('an arena without the guard does not get the memory of one that had it, and the other way round', (t) => {
  const size = 96 * KiB;
  const first = new Arena({ maxBytes: size, guard: true });
  begin(bytes(first, 1))();
  first.close();
  const second = new Arena({ maxBytes: size });
  t.is(bytes(second, 1).buffer[kHolder], undefined);
  second.close();
  const third = new Arena({ maxBytes: size, guard: true });
  t.not(bytes(third, 1).buffer[kHolder], undefined);
  t.is(third.stats().guarded.fs.operations, 0);
  third.close();
});

test('the guard counts operations and their bytes', (t) => {
  const arena = newArena();
  const buffer = bytes(arena, 1, 100);
  begin(buffer)();
  begin(buffer.subarray(0, 10))();
  t.deepEqual(arena.stats().guarded.fs, { operations: 2, bytes: 110 });
  arena.close();
  t.deepEqual(arena.stats().guarded.fs, { operations: 2, bytes: 110 });
});

// How long a span waits for operations of Node that are not over. The operations here are taken as the guard takes
// them; the time is the test's.

test('an operation without an end waits for holdMs, and then for the garbage collector', async (t) => {
  const clock = new Clock();
  const arena = newArena({ holdMs: 1000 });
  let buffer = clock.use(() => {
    const own = bytes(arena, 9);
    begin(own);
    arena.reset();
    return own;
  });
  clock.pass(999);
  t.like(memoryOf(arena), { held: 64 * KiB, quarantined: 0 });
  clock.pass(1);
  t.like(memoryOf(arena), { held: 0, quarantined: 64 * KiB });
  t.deepEqual([...buffer], new Array(8).fill(9));
  buffer = undefined;
  await untilCollected(() => memoryOf(arena).quarantined === 0);
  arena.close();
});

test('each span waits for its own time, not for that of the first', (t) => {
  const clock = new Clock();
  const arena = newArena({ holdMs: 1000 });
  const park = () =>
    clock.use(() => {
      begin(bytes(arena, 1));
      arena.reset();
    });
  park();
  clock.pass(600);
  park();
  clock.pass(400);
  t.like(memoryOf(arena), { held: 64 * KiB, quarantined: 64 * KiB });
  clock.pass(599);
  t.is(memoryOf(arena).held, 64 * KiB);
  clock.pass(1);
  t.like(memoryOf(arena), { held: 0, quarantined: 128 * KiB });
  arena.close();
});

test('what one of two operations leaves behind waits for its time', (t) => {
  const clock = new Clock();
  const arena = newArena({ holdMs: 1000 });
  clock.use(() => {
    const buffer = bytes(arena, 1);
    const first = begin(buffer);
    begin(buffer);
    arena.reset();
    first();
  });
  t.is(memoryOf(arena).held, 64 * KiB);
  clock.pass(1000);
  t.like(memoryOf(arena), { held: 0, quarantined: 64 * KiB });
  arena.close();
});

test('an operation that ends after its time changes nothing', (t) => {
  const clock = new Clock();
  const arena = newArena({ holdMs: 10 });
  const [buffer, done] = clock.use(() => {
    const own = bytes(arena, 3);
    const end = begin(own);
    arena.reset();
    return [own, end];
  });
  clock.pass(10);
  clock.use(done);
  clock.use(done);
  t.is(buffer.length, 8);
  t.is(memoryOf(arena).quarantined, 64 * KiB);
  arena.close();
});

test('no timer is left when nothing waits', (t) => {
  const clock = new Clock();
  const arena = newArena();
  clock.use(() => {
    const done = begin(bytes(arena, 1));
    arena.reset();
    const waiting = clock.timers.filter(({ every }) => every === null);
    t.deepEqual(
      waiting.map(({ refed }) => refed),
      [false],
    );
    done();
  });
  t.is(clock.timers.filter(({ every }) => every === null).length, 0);
  clock.use(() => arena.close());
});

/** Warm spans of these sizes in KiB, put in this order. */
function warm(sizes, isChunk) {
  const spans = new WarmSpans();
  sizes.forEach((size, age) => {
    spans.put({ size: size * KiB, age, isChunk });
  });
  return spans;
}

const sizeOf = (span) => (span === undefined ? undefined : span.size / KiB);

for (const [title, sizes, need, want, taken] of [
  ['the class of what is wanted', [16, 256, 20, 2048], 1, 16, 20],
  ['a class below, if it has what is needed', [16, 256], 10, 128, 16],
  ['none that is too small, also of the same class', [16, 20, 18], 19, 19, 20],
  ['none where all are too small', [16, 20, 18], 21, 21, undefined],
  ['the next class, where it has what is wanted', [256], 250, 250, 256],
  ['also where another one was used last', [256, 16], 250, 250, 256],
  ['nothing of twice the size', [64, 2048], 1, 16, undefined],
  ['what is below, where a class has too large ones only', [16, 250], 10, 100, 16],
  ['nor within a class', [250], 100, 100, undefined],
  ['what is needed, though less is wanted', [16, 128], 100, 16, 128],
]) {
  test(`of pieces: ${title}`, (t) => {
    t.is(sizeOf(warm(sizes, false).take(need * KiB, want * KiB, false)), taken);
  });
}

for (const [title, sizes, need, want, taken] of [
  ['the last used, if it has what is wanted', [64, 1024, 128], 1, 128, 128],
  ['else the largest usual one', [64, 1024, 128], 1, 129, 1024],
  ['also where it has what is needed', [1024, 128], 100, 1000, 1024],
  ['none that was made for one large Buffer', [64, 4096], 1, 64, 64],
  ['a large one for a large Buffer', [64, 4096], 3000, 3000, 4096],
]) {
  test(`of chunks: ${title}`, (t) => {
    t.is(sizeOf(warm(sizes, true).take(need * KiB, want * KiB, true)), taken);
  });
}

test('the last used of a class is taken first, those of 2 GiB and more too', (t) => {
  for (const size of [64, 2 ** 21, 2 ** 32]) {
    const spans = warm([size, size, size], true);
    const ages = [1, 2, 3].map(() => spans.take(size * KiB, size * KiB, true).age);
    t.deepEqual(ages, [2, 1, 0]);
    t.is(spans.take(1, 1, true), undefined);
    t.is(spans.bytes, 0);
  }
});

test('where time has run out before the timer is set, that has a millisecond: Node warns of less than none', (t) => {
  const clock = new Clock();
  const waits = [];
  clock.use(() => {
    const arena = new Arena({ holdMs: 30 });
    const { setTimeout: set } = time;
    let now = 0;
    time.now = () => (now += 100);
    time.setTimeout = (callback, ms) => {
      waits.push(ms);
      return set(callback, ms);
    };
    arena.alloc(10);
    const hold = arena.hold();
    arena.reset();
    hold.release();
    arena.close();
  });
  t.is(Math.min(...waits), 1);
});
