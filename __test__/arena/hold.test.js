'use strict';
// tier: run-time

const test = require('ava');
const { isNative } = require('../helpers/backend.js');
const { stamp, isStamped, isDead } = require('../helpers/bytes.js');
const { run } = require('../helpers/child.js');
const { closing } = require('../helpers/sources.js');
const { until, untilCollected } = require('../helpers/until.js');

const KiB = 1024;

/** An arena with a stamped Buffer, and a hold() over it. */
function heldArena(t, options) {
  const arena = closing(t, options);
  const buffer = stamp(arena.alloc(1000), 1);
  return { arena, buffer, hold: arena.hold() };
}

/** What ends the time of a Buffer over which holds stand. Each gives the holds of one; any order of theirs must do. */
const ends = {
  'a reset'(arena, buffers) {
    buffers.push(stamp(arena.alloc(1000), 1));
    const holds = [arena.hold(), arena.hold()];
    arena.reset();
    return holds;
  },
  'a close'(arena, buffers) {
    buffers.push(stamp(arena.alloc(1000), 1));
    const holds = [arena.hold()];
    arena.close();
    return holds;
  },
  'a rewind'(arena, buffers) {
    arena.alloc(100);
    const mark = arena.checkpoint();
    buffers.push(stamp(arena.alloc(1000), 1));
    const holds = [arena.hold()];
    arena.rewind(mark);
    return holds;
  },
  'the end of a scope'(arena, buffers) {
    let hold;
    arena.scope((child) => {
      buffers.push(stamp(child.alloc(1000), 1));
      hold = child.hold();
    });
    return [hold];
  },
  'the reset of its parent'(arena, buffers) {
    let hold;
    arena.scope((child) => {
      buffers.push(stamp(child.alloc(1000), 1));
      hold = arena.hold();
      arena.reset();
    });
    return [hold];
  },
  'the reset above scopes of which those between were never used'(arena, buffers) {
    let hold;
    arena.alloc(10);
    arena.scope((used) => {
      used.alloc(10);
      used.scope((inner) =>
        inner.scope((innermost) => {
          buffers.push(stamp(innermost.alloc(100), 1));
          hold = arena.hold();
          arena.reset();
        }),
      );
    });
    return [hold];
  },
  'the reset of its parent, with a hold of each'(arena, buffers) {
    let holds;
    arena.scope((child) => {
      buffers.push(stamp(child.alloc(100), 1));
      holds = [child.hold(), arena.hold()];
      arena.reset();
    });
    return holds;
  },
  'a rewind and then the reset of its parent, with a hold of each'(arena, buffers) {
    let holds;
    arena.scope((child) => {
      arena.alloc(10);
      const checkpoint = child.checkpoint();
      buffers.push(stamp(child.alloc(100), 1));
      holds = [child.hold(), arena.hold()];
      child.rewind(checkpoint);
      arena.reset();
    });
    return holds;
  },
};

for (const [what, end] of Object.entries(ends)) {
  test(`${what} leaves held memory as it is, until the last release`, (t) => {
    for (const isReversed of [false, true]) {
      const arena = closing(t);
      const buffers = [];
      const holds = end(arena, buffers);
      const [buffer] = buffers;
      if (isReversed) holds.reverse();
      t.true(arena.stats().memory.held > 0);
      if (what !== 'a close') {
        arena.scope((child) => child.allocUnsafe(20 * KiB).fill(0xff).length);
        arena.reset();
      }
      for (const hold of holds) {
        t.true(isStamped(buffer, 1));
        hold.release();
      }
      t.true(isDead(buffer));
      t.is(arena.stats().memory.held, 0);
    }
  });
}

test('the arena goes on with fresh memory meanwhile', (t) => {
  const { arena, buffer, hold } = heldArena(t);
  arena.reset();
  for (let i = 0; i < 20; i++) {
    stamp(arena.allocUnsafe(10 * KiB), 9);
    arena.reset();
  }
  t.true(isStamped(buffer, 1));
  hold.release();
  const { mapped } = arena.stats().memory;
  arena.alloc(10 * KiB);
  t.is(arena.stats().memory.mapped, mapped);
});

test('a hold is released once: more calls take no other hold away', (t) => {
  const { arena, buffer, hold } = heldArena(t);
  const other = arena.hold();
  t.is(arena.stats().holds, 2);
  arena.reset();
  for (let i = 0; i < 3; i++) hold.release();
  hold[Symbol.dispose]();
  t.true(isStamped(buffer, 1));
  other[Symbol.dispose]();
  t.true(isDead(buffer));
});

test('a hold belongs to its epoch: a later one is not held', (t) => {
  const { arena, buffer, hold } = heldArena(t);
  arena.reset();
  const later = arena.alloc(100);
  t.is(arena.stats().holds, 0);
  arena.reset();
  t.true(isDead(later));
  t.true(isStamped(buffer, 1));
  hold.release();
  t.true(isDead(buffer));
  const newest = arena.alloc(100);
  hold.release();
  t.is(newest.length, 100);
});

for (const [name, hold] of Object.entries({
  'a reset after each': (arena, size, id) => {
    const buffer = stamp(arena.allocUnsafe(size), id);
    const held = arena.hold();
    arena.reset();
    return { buffer, held };
  },
  'a scope for each': (arena, size, id) =>
    arena.scope((scope) => ({ buffer: stamp(scope.allocUnsafe(size), id), held: scope.hold() })),
})) {
  test(`a thousand small messages that are held take about twice their bytes: ${name}`, (t) => {
    const arena = closing(t);
    const size = 4400;
    const all = Array.from({ length: 1000 }, (_, id) => hold(arena, size, id));
    const { held, committed, chunks } = arena.stats().memory;
    t.true(held < 3 * 1000 * size, `${held} bytes`);
    t.true(committed < 3 * 1000 * size, `${committed} bytes`);
    if (isNative) t.true(chunks < 250, `${chunks} chunks`);
    t.true(all.every(({ buffer }, id) => isStamped(buffer, id)));
    for (const one of all) one.held.release();
    t.true(all.every(({ buffer }) => isDead(buffer)));
    t.is(arena.stats().memory.held, 0);
  });
}

test('in recycle mode a hold keeps memory from being used again', (t) => {
  const { arena, buffer, hold } = heldArena(t, { safety: 'recycle' });
  arena.reset();
  arena.allocUnsafe(1000).fill(0xff);
  t.true(isStamped(buffer, 1));
  hold.release();
  t.true(isStamped(buffer, 1));
});

test('a hold from before an expiry takes no later hold away', async (t) => {
  const arena = closing(t, { holdMs: 20 });
  arena.alloc(10);
  const mark = arena.checkpoint();
  arena.alloc(10);
  const old = arena.hold();
  arena.rewind(mark);
  await until(() => arena.stats().memory.held === 0);
  const buffer = stamp(arena.alloc(10), 1);
  const later = arena.hold();
  old.release();
  arena.reset();
  t.true(isStamped(buffer, 1));
  later.release();
  t.true(isDead(buffer));
  await untilCollected(() => arena.stats().memory.quarantined === 0);
});

test('a hold keeps no process alive', async (t) => {
  const { code, signal, result } = await run('arena/hold-exits.js');
  t.deepEqual([code, signal, result], [0, null, { held: true }]);
});

// hold(promise): a hold until the promise settles, and a promise that settles as it does, as by finally().

/** A thenable that runs `then`, with the number of times that it was read and called. */
function thenable(then, count) {
  return Object.defineProperty({}, 'then', {
    get() {
      count.reads++;
      return (...given) => {
        count.calls++;
        return then(...given);
      };
    },
  });
}

/** A subclass that begins its work in then, as a query may. */
class Query extends Promise {
  static get [Symbol.species]() {
    return Promise;
  }
  #resolve;
  #count;
  constructor(count) {
    let own;
    super((resolve) => {
      own = resolve;
    });
    this.#resolve = own;
    this.#count = count;
  }
  // biome-ignore lint/suspicious/noThenProperty: as in postgres
  then(...reactions) {
    this.#count.calls++;
    this.#resolve('yes');
    return super.then(...reactions);
  }
}

const throwing = {
  get() {
    throw new Error('not loaded');
  },
};
const unprintable = (object) => Object.defineProperty(object, Symbol.toStringTag, throwing);

/** What is held for → what makes it, with a count of reads and calls of its then, and its value; null where it rejects. */
const settlings = {
  'a promise that fulfils later': [() => new Promise((done) => setImmediate(done, 'yes')), 'yes'],
  'a promise that rejects later': [
    () => new Promise((_, fail) => setImmediate(fail, new Error('no'))),
    null,
  ],
  'a settled promise': [() => Promise.resolve('{ <pending>'), '{ <pending>'],
  'a promise that cannot be printed': [() => unprintable(Promise.resolve('yes')), 'yes'],
  'a promise whose then is one of its own that reads as usual'(count) {
    const get = () => {
      count.reads++;
      count.calls++;
      return Promise.prototype.then;
    };
    return Object.defineProperty(Promise.resolve('yes'), 'then', { get });
  },
  'a subclass that begins its work in then': [
    (count) => {
      count.reads++;
      return new Query(count);
    },
    'yes',
  ],
  'an object that only inherits from Promise': [() => Object.create(Promise.prototype), null],
  ...Object.fromEntries(
    Object.entries({
      'that fulfils at once': [(done) => done('yes'), 'yes'],
      'that fulfils later': [(done) => setImmediate(done, 'yes'), 'yes'],
      'that fulfils, and rejects too late': [
        (done, fail) => [done('yes'), fail(new Error('no'))],
        'yes',
      ],
      'that follows another promise': [(done) => done(Promise.resolve('yes')), 'yes'],
      'that rejects at once': [(_, fail) => fail(new Error('no')), null],
      'that rejects later': [(_, fail) => setImmediate(fail, new Error('no')), null],
      'that throws': [() => throwing.get(), null],
      'with a promise of its own that rejects as well': [
        (done, fail) => Promise.reject(new Error('no')).then(done, fail),
        null,
      ],
    }).map(([what, [then, value]]) => [
      `a thenable ${what}`,
      [(count) => thenable(then, count), value],
    ]),
  ),
};

for (const [what, settling] of Object.entries(settlings)) {
  test(`hold() of ${what}: its then is read once and called once, and the result settles as it does`, async (t) => {
    const { arena, buffer, hold } = heldArena(t);
    hold.release();
    const [make, value] = typeof settling === 'function' ? [settling, 'yes'] : settling;
    const count = { reads: 0, calls: 0 };
    const promise = make(count);
    const held = arena.hold(promise);
    t.true(held instanceof Promise);
    t.not(held, promise);
    t.is(arena.stats().holds, 1);
    arena.reset();
    t.true(isStamped(buffer, 1));
    if (value === null) await t.throwsAsync(held);
    else t.is(await held, value);
    if (count.reads > 0) t.deepEqual(count, { reads: 1, calls: 1 });
    t.true(isDead(buffer));
    t.is(arena.stats().memory.held, 0);
  });
}

test('the result has the value or reason itself, also one that cannot be printed', async (t) => {
  const arena = closing(t);
  const value = unprintable({});
  t.true((await arena.hold(Promise.resolve(value))) === value);
  const reason = new Error('mine');
  t.is(await t.throwsAsync(arena.hold(Promise.reject(reason))), reason);
});

test('a promise whose then or constructor throws is the error of that call, and holds nothing', (t) => {
  const { arena, buffer, hold } = heldArena(t);
  hold.release();
  const species = {
    [Symbol.species]: function Sub() {
      throwing.get();
    },
  };
  for (const wrong of [
    Object.defineProperty({}, 'then', throwing),
    Object.defineProperty(Promise.resolve(1), 'constructor', { value: species }),
  ]) {
    t.throws(() => arena.hold(wrong), { message: 'not loaded' });
    t.is(arena.stats().holds, 0);
  }
  arena.reset();
  t.true(isDead(buffer));
});

test('promises that have settled pile up nowhere', async (t) => {
  const arena = closing(t);
  arena.alloc(10);
  arena.hold(new Promise(() => {}));
  let collected = 0;
  const registry = new FinalizationRegistry(() => collected++);
  (() => {
    for (let i = 0; i < 1000; i++) {
      const promise = Promise.resolve(i);
      registry.register(promise);
      arena.hold(promise);
    }
  })();
  await untilCollected(() => collected >= 960);
  t.is(arena.stats().holds, 1);
});

test('a promise that rejects under a hold is one unhandled rejection, unless the result is handled', async (t) => {
  const { code, stderr, result } = await run('arena/hold-rejects.js');
  t.is(code, 0, stderr);
  t.deepEqual(result, {
    unhandled: 1,
    thenable: 1,
    'the promise itself is handled': 1,
    'the result is handled': 0,
    'the result is handled late': 1,
  });
});
