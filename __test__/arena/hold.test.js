'use strict';
// tier: run-time

const test = require('ava');
const { Arena } = require('../..');
const { stamp, isStamped, isDead } = require('../helpers/bytes.js');
const { run } = require('../helpers/child.js');
const { until } = require('../helpers/until.js');

const KiB = 1024;

/** An arena whose hold() stands over a stamped Buffer. */
function heldArena(options) {
  const arena = new Arena(options);
  const buffer = stamp(arena.alloc(1000), 1);
  return { arena, buffer, hold: arena.hold() };
}

for (const end of ['reset', 'close']) {
  test(`a ${end} leaves held memory as it is, until the release`, (t) => {
    const { arena, buffer, hold } = heldArena();
    arena[end]();
    t.true(isStamped(buffer, 1));
    t.true(arena.stats().memory.held > 0);
    hold.release();
    t.true(isDead(buffer));
    t.is(arena.stats().memory.held, 0);
    arena.close();
  });
}

test('a rewind leaves held memory as it is, until the release', (t) => {
  const arena = new Arena();
  const before = stamp(arena.alloc(100), 1);
  const mark = arena.checkpoint();
  const since = stamp(arena.alloc(100), 2);
  const hold = arena.hold();
  arena.rewind(mark);
  stamp(arena.alloc(20 * KiB), 3);
  t.true(isStamped(since, 2));
  hold.release();
  t.true(isDead(since));
  t.true(isStamped(before, 1));
  arena.close();
});

test('the end of a scope leaves held memory as it is, until the release', (t) => {
  const arena = new Arena();
  let buffer;
  let hold;
  arena.scope((child) => {
    buffer = stamp(child.alloc(100), 1);
    hold = child.hold();
  });
  arena.scope((child) => child.allocUnsafe(1000).fill(0xff).length);
  t.true(isStamped(buffer, 1));
  hold.release();
  t.true(isDead(buffer));
  arena.close();
});

test('a hold of the parent covers the scopes that its reset ends', (t) => {
  const arena = new Arena();
  let buffer;
  arena.scope((child) => {
    buffer = stamp(child.alloc(100), 1);
    const hold = arena.hold();
    arena.reset();
    t.true(isStamped(buffer, 1));
    hold.release();
    t.true(isDead(buffer));
  });
  arena.close();
});

/** Nothing to do before the reset. */
const alone = () => () => {};

function rewinding(arena, child) {
  arena.alloc(10);
  const checkpoint = child.checkpoint();
  return () => child.rewind(checkpoint);
}

for (const [what, begin] of [
  ['has a hold of its own', alone],
  ['has left to a hold of its own what a rewind gave up', rewinding],
]) {
  for (const last of ['parent', 'scope']) {
    test(`a scope that ${what} and ends with its parent waits for both: the last is that of the ${last}`, (t) => {
      const arena = new Arena();
      arena.scope((child) => {
        const giveUp = begin(arena, child);
        const buffer = stamp(child.alloc(100), 1);
        const holds = [child.hold(), arena.hold()];
        if (last === 'scope') holds.reverse();
        giveUp();
        arena.reset();
        holds[0].release();
        t.true(isStamped(buffer, 1));
        holds[1].release();
        t.true(isDead(buffer));
      });
      arena.close();
    });
  }
}

test('it covers scopes within scopes, also where those between were never used', (t) => {
  const arena = new Arena();
  arena.alloc(10);
  arena.scope((used) => {
    used.alloc(10);
    used.scope((inner) =>
      inner.scope((innermost) => {
        const buffer = stamp(innermost.alloc(100), 1);
        const hold = arena.hold();
        arena.reset();
        t.true(isStamped(buffer, 1));
        hold.release();
        t.true(isDead(buffer));
      }),
    );
  });
  arena.close();
});

test('the arena goes on with fresh memory meanwhile', (t) => {
  const { arena, buffer, hold } = heldArena();
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
  arena.close();
});

test('of several holds the last release counts', (t) => {
  const { arena, buffer, hold } = heldArena();
  const others = [arena.hold(), arena.hold()];
  t.is(arena.stats().holds, 3);
  arena.reset();
  others[1].release();
  hold.release();
  t.true(isStamped(buffer, 1));
  others[0].release();
  t.true(isDead(buffer));
  arena.close();
});

test('a hold is released once: more calls take no other hold away', (t) => {
  const { arena, buffer, hold } = heldArena();
  const other = arena.hold();
  arena.reset();
  for (let i = 0; i < 3; i++) hold.release();
  hold[Symbol.dispose]();
  t.true(isStamped(buffer, 1));
  other[Symbol.dispose]();
  t.true(isDead(buffer));
  arena.close();
});

test('a hold belongs to its epoch: a later one is not held', (t) => {
  const { arena, buffer, hold } = heldArena();
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
  arena.close();
});

test('a hold that was released before the reset holds nothing', (t) => {
  const { arena, buffer, hold } = heldArena();
  hold.release();
  arena.reset();
  t.true(isDead(buffer));
  arena.close();
});

test('in recycle mode a hold keeps memory from being used again', (t) => {
  const { arena, buffer, hold } = heldArena({ safety: 'recycle' });
  arena.reset();
  arena.allocUnsafe(1000).fill(0xff);
  t.true(isStamped(buffer, 1));
  hold.release();
  t.true(isStamped(buffer, 1));
  arena.close();
});

test('a hold that expires warns, and its memory waits undetached for the collector', async (t) => {
  const { code, result, stderr } = await run('arena/hold-expires.js', {
    execArgv: ['--expose-gc'],
  });
  t.is(code, 0, stderr);
  t.deepEqual(result.warnings, ['RALLOC_HOLD_EXPIRED']);
  t.true(result.intact);
  t.true(result.quarantined > 0);
  t.is(result.held, 0);
  t.true(result.secondIntact);
  t.true(result.cameBack);
});

test('a hold from before an expiry takes no later hold away', async (t) => {
  const arena = new Arena({ holdMs: 20 });
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
  arena.close();
});

test('a hold keeps no process alive', async (t) => {
  const { code, signal, result } = await run('arena/hold-exits.js');
  t.deepEqual([code, signal, result], [0, null, { held: true }]);
});

// hold(promise) of what has a then of its own: it is read once and called once, and the result settles as it does.

/** An arena with a stamped Buffer. */
function begin() {
  const arena = new Arena();
  return { arena, buffer: stamp(arena.alloc(1000), 1) };
}

test('a subclass that begins its work in then, as a query may, begins it once', async (t) => {
  let ran = 0;
  class Query extends Promise {
    static get [Symbol.species]() {
      return Promise;
    }
    #resolve;
    constructor() {
      let own;
      super((resolve) => {
        own = resolve;
      });
      this.#resolve = own;
    }
    // biome-ignore lint/suspicious/noThenProperty: as in postgres
    then(...reactions) {
      ran++;
      this.#resolve('rows');
      return super.then(...reactions);
    }
  }
  const { arena, buffer } = begin();
  const held = arena.hold(new Query());
  arena.reset();
  t.true(isStamped(buffer, 1));
  t.is(await held, 'rows');
  t.is(ran, 1);
  t.true(isDead(buffer));
  arena.close();
});

test('a subclass whose constructor throws is the error of that call, and holds nothing', (t) => {
  const { arena, buffer } = begin();
  const promise = Promise.resolve(1);
  Object.defineProperty(promise, 'constructor', {
    value: {
      [Symbol.species]: function Sub() {
        throw new Error('mine');
      },
    },
  });
  t.throws(() => arena.hold(promise), { message: 'mine' });
  t.is(arena.stats().holds, 0);
  arena.reset();
  t.true(isDead(buffer));
  arena.close();
});

/** A thenable that runs `then`, with the number of times that it was read and called. */
function thenable(then) {
  const count = { reads: 0, calls: 0 };
  const object = Object.defineProperty({}, 'then', {
    get() {
      count.reads++;
      return (...given) => {
        count.calls++;
        return then(...given);
      };
    },
  });
  return { object, count };
}

const settlings = {
  'fulfils at once': [(done) => done('yes'), 'yes'],
  'fulfils later': [(done) => setImmediate(done, 'yes'), 'yes'],
  'fulfils, and rejects too late': [(done, fail) => [done('yes'), fail(new Error('no'))], 'yes'],
  'follows another promise': [(done) => done(Promise.resolve('yes')), 'yes'],
  'rejects at once': [(_, fail) => fail(new Error('no')), null],
  'rejects later': [(_, fail) => setImmediate(fail, new Error('no')), null],
  throws: [
    () => {
      throw new Error('no');
    },
    null,
  ],
  'gives a promise of its own that rejects as well': [
    (done, fail) => Promise.reject(new Error('no')).then(done, fail),
    null,
  ],
};

for (const [what, [then, value]] of Object.entries(settlings)) {
  test(`a thenable that ${what} is run once, and the result settles as it does`, async (t) => {
    const { arena, buffer } = begin();
    const { object, count } = thenable(then);
    const held = arena.hold(object);
    t.is(arena.stats().holds, 1);
    arena.reset();
    t.true(isStamped(buffer, 1));
    if (value === null) await t.throwsAsync(held, { message: 'no' });
    else t.is(await held, value);
    t.deepEqual(count, { reads: 1, calls: 1 });
    t.true(isDead(buffer));
    t.is(arena.stats().memory.held, 0);
    arena.close();
  });
}

test('an object that only inherits from Promise is a thenable, whose then throws', async (t) => {
  const { arena, buffer } = begin();
  const held = arena.hold(Object.create(Promise.prototype));
  arena.reset();
  t.true(isStamped(buffer, 1));
  await t.throwsAsync(held, { instanceOf: TypeError });
  t.true(isDead(buffer));
  arena.close();
});

test('a then that cannot be read is the error of that call, and holds nothing', (t) => {
  const { arena, buffer } = begin();
  const wrong = {
    // biome-ignore lint/suspicious/noThenProperty: throws when it is read
    get then() {
      throw new Error('mine');
    },
  };
  t.throws(() => arena.hold(wrong), { message: 'mine' });
  t.is(arena.stats().holds, 0);
  arena.reset();
  t.true(isDead(buffer));
  arena.close();
});
