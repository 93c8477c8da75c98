'use strict';
// tier: run-time

// hold(promise) of what has a then of its own: it is read once and called once, and the result settles as it does.

const test = require('ava');
const { Arena } = require('../..');
const { stamp, isStamped, isDead } = require('../helpers/bytes.js');

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
