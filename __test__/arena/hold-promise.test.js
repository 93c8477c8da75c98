'use strict';
// tier: run-time

// hold(promise): a hold until the promise settles, and a promise that settles as it does, as by finally().

const test = require('ava');
const fs = require('node:fs');
const { Arena } = require('../..');
const { stamp, isStamped, isDead } = require('../helpers/bytes.js');
const { run } = require('../helpers/child.js');
const { untilCollected } = require('../helpers/until.js');

const KiB = 1024;

/** An arena with a stamped Buffer, and a promise with its `resolve` and `reject`. */
function begin() {
  const arena = new Arena();
  const buffer = stamp(arena.alloc(1000), 1);
  let settle;
  const promise = new Promise((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { arena, buffer, promise, ...settle };
}

test('hold(promise) gives a promise that fulfils as that does, once the hold is released', async (t) => {
  const { arena, buffer, promise, resolve } = begin();
  const held = arena.hold(promise);
  t.true(held instanceof Promise);
  t.not(held, promise);
  t.is(arena.stats().holds, 1);
  arena.reset();
  t.true(isStamped(buffer, 1));
  const value = {};
  resolve(value);
  t.true(isStamped(buffer, 1));
  t.is(await held, value);
  t.true(isDead(buffer));
  t.is(arena.stats().memory.held, 0);
  arena.close();
});

test('it rejects as that does, once the hold is released', async (t) => {
  const { arena, buffer, promise, reject } = begin();
  const held = arena.hold(promise);
  arena.reset();
  const reason = new Error('mine');
  reject(reason);
  t.is(await t.throwsAsync(held), reason);
  t.true(isDead(buffer));
  t.is(arena.stats().memory.held, 0);
  arena.close();
});

test('a promise that is settled already holds until the next microtasks', async (t) => {
  const { arena, buffer } = begin();
  const held = arena.hold(Promise.resolve('{ <pending>'));
  t.is(arena.stats().holds, 1);
  arena.reset();
  t.true(isStamped(buffer, 1));
  t.is(await held, '{ <pending>');
  t.true(isDead(buffer));
  arena.close();
});

test('a file that is read into held memory arrives whole, over a reset', async (t) => {
  const arena = new Arena();
  const file = await fs.promises.open(__filename);
  const { size } = await file.stat();
  const buffer = arena.allocUnsafe(size);
  let bytes = null;
  const reading = file.read(buffer, 0, size, 0).then(({ bytesRead }) => {
    bytes = Buffer.from(buffer);
    return bytesRead;
  });
  const read = arena.hold(reading);
  arena.reset();
  arena.allocUnsafe(64 * KiB).fill(0xff);
  t.is(await read, size);
  t.is(bytes.compare(fs.readFileSync(__filename)), 0);
  t.true(isDead(buffer));
  await file.close();
  arena.close();
});

for (const what of ['colors', 'compact']) {
  test(`what util.inspect.defaultOptions.${what} says changes no hold`, async (t) => {
    const { code, result, stderr } = await run('arena/hold-inspect.js', { args: [what] });
    t.is(code, 0, stderr);
    t.deepEqual(result, { early: 0, whole: 40, held: 0 });
  });
}

test('a value that cannot be printed does no harm', async (t) => {
  class Row {
    get [Symbol.toStringTag]() {
      throw new Error('not loaded');
    }
  }
  const { arena, buffer, promise, resolve } = begin();
  Object.defineProperty(promise, Symbol.toStringTag, {
    get() {
      throw new Error('not loaded');
    },
  });
  const held = arena.hold(promise);
  t.is(arena.stats().holds, 1);
  arena.reset();
  const row = new Row();
  resolve(row);
  t.true((await held) === row);
  t.true(isDead(buffer));
  arena.close();
});

test('thousands of pending promises cost a constant number of steps each', (t) => {
  const counts = [2000, 20_000].map((n) => {
    let steps = 0;
    const step = () => {
      if (++steps > 10 * n) throw new Error(`more than ${steps} steps for ${n} holds`);
    };
    class Counted extends Promise {
      constructor(executor) {
        super(executor);
        step();
      }
      // biome-ignore lint/suspicious/noThenProperty: counts its calls
      get then() {
        step();
        return super.then;
      }
      get [Symbol.toStringTag]() {
        step();
        return 'Counted';
      }
    }
    const arena = new Arena();
    arena.alloc(10);
    for (let i = 0; i < n; i++) arena.hold(new Counted(() => {}));
    t.is(arena.stats().holds, n);
    arena.reset();
    arena.close();
    return steps / n;
  });
  t.deepEqual(counts, [3, 3], 'it is made, its then is read, and another is derived from it');
});

test('promises that have settled pile up nowhere', async (t) => {
  const arena = new Arena();
  arena.alloc(10);
  arena.hold(new Promise(() => {}));
  let collected = 0;
  const registry = new FinalizationRegistry(() => collected++);
  const holdMany = () => {
    for (let i = 0; i < 1000; i++) {
      const promise = Promise.resolve(i);
      registry.register(promise);
      arena.hold(promise);
    }
  };
  holdMany();
  await untilCollected(() => collected >= 960);
  t.is(arena.stats().holds, 1);
  arena.close();
});

test('then of a promise is read once', async (t) => {
  const { arena, buffer, promise, resolve } = begin();
  let gets = 0;
  const { then } = Promise.prototype;
  Object.defineProperty(promise, 'then', {
    get() {
      gets++;
      return then;
    },
  });
  const held = arena.hold(promise);
  arena.reset();
  resolve(5);
  t.is(await held, 5);
  t.is(gets, 1);
  t.true(isDead(buffer));
  arena.close();
});

// mode, and how many unhandledRejections there are
const rejections = {
  'a result that nobody handles is one unhandled rejection': ['unhandled', 1],
  'that of a thenable too': ['thenable', 1],
  'it is one where only the promise itself is handled': ['handled', 1],
  'a result that is handled is none': ['handled-result', 0],
  'a result that is handled late is one, neither hidden nor doubled': ['late', 1],
};

for (const [what, [mode, unhandled]] of Object.entries(rejections)) {
  test(`of a promise that rejects under a hold: ${what}`, async (t) => {
    const { code, stderr, result } = await run('arena/hold-rejects.js', { args: [mode] });
    t.is(code, 0, stderr);
    t.deepEqual(result, { unhandled, dead: true });
  });
}

test('without a listener such a rejection ends the process, as any', async (t) => {
  const { code, stderr } = await run('arena/hold-rejects.js', { args: ['crash'] });
  t.is(code, 1);
  t.regex(stderr, /Error: mine/);
});
