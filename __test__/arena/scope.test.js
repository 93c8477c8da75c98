'use strict';
// tier: run-time

const test = require('ava');
const { Arena } = require('../..');
const { stamp, isStamped, isDead } = require('../helpers/bytes.js');

const KiB = 1024;

/** An async scope that ends when told to: { child, buffer, end() → promise of the scope's result }. */
function openScope(arena, id) {
  const opened = {};
  const promise = arena.scope((child) => {
    opened.child = child;
    opened.buffer = stamp(child.alloc(1000), id);
    return new Promise((resolve) => {
      opened.resolve = resolve;
    });
  });
  opened.end = (value) => {
    opened.resolve(value);
    return promise;
  };
  return opened;
}

test('a scope gives the result of its function, and its Buffers die with it', (t) => {
  const arena = new Arena();
  const outside = stamp(arena.alloc(100), 1);
  let inside;
  const result = arena.scope((child) => {
    inside = child.from('twelve bytes');
    return inside.length;
  });
  t.is(result, 12);
  t.true(isDead(inside));
  t.true(isStamped(outside, 1));
  arena.close();
});

test('an async scope lives until its promise settles', async (t) => {
  const arena = new Arena();
  const scope = openScope(arena, 1);
  await Promise.resolve();
  t.true(isStamped(scope.buffer, 1));
  t.is(arena.stats().scopes, 1);
  t.is(await scope.end('done'), 'done');
  t.true(isDead(scope.buffer));
  t.is(arena.stats().scopes, 0);
  arena.close();
});

test('async scopes that overlap end in any order, each with its own bytes only', async (t) => {
  const orders = ['012', '021', '102', '120', '201', '210'];
  for (const order of orders) {
    const arena = new Arena();
    const scopes = [0, 1, 2].map((id) => openScope(arena, id));
    const open = new Set(scopes);
    for (const digit of order) {
      const scope = scopes[Number(digit)];
      await scope.end();
      open.delete(scope);
      t.true(isDead(scope.buffer));
      for (const other of open) t.true(isStamped(other.buffer, scopes.indexOf(other)));
      stamp(arena.allocUnsafe(5000), 9);
    }
    arena.close();
  }
});

test('a scope that throws ends, and its error goes on', (t) => {
  const arena = new Arena();
  const error = new Error('mine');
  let buffer;
  const thrown = t.throws(() =>
    arena.scope((child) => {
      buffer = child.alloc(10);
      throw error;
    }),
  );
  t.is(thrown, error);
  t.true(isDead(buffer));
  t.is(arena.stats().scopes, 0);
  arena.close();
});

test('a scope whose promise rejects ends, and its error goes on', async (t) => {
  const arena = new Arena();
  const error = new Error('mine');
  let buffer;
  const promise = arena.scope(async (child) => {
    buffer = child.alloc(10);
    await null;
    throw error;
  });
  t.is(buffer.length, 10);
  t.is(await t.throwsAsync(promise), error);
  t.true(isDead(buffer));
  arena.close();
});

test('scopes nest, and an inner one that is still open ends with the outer', async (t) => {
  const arena = new Arena();
  let inner;
  let outer;
  const grandparent = arena.scope((child) => {
    outer = stamp(child.alloc(10), 1);
    inner = openScope(child, 2);
    t.is(arena.stats().scopes, 2);
    child.scope((sibling) => sibling.alloc(10).length);
    t.true(isStamped(inner.buffer, 2));
    return 'out';
  });
  t.is(grandparent, 'out');
  t.true(isDead(outer));
  t.true(isDead(inner.buffer));
  t.throws(() => inner.child.alloc(1), { code: 'ERR_RALLOC_CLOSED' });
  t.is(await inner.end('late'), 'late');
  arena.close();
});

for (const end of ['reset', 'close']) {
  test(`a ${end} of the parent ends its scopes`, async (t) => {
    const arena = new Arena();
    const scopes = [1, 2, 3].map((id) => openScope(arena, id));
    arena[end]();
    for (const [i, scope] of scopes.entries()) {
      t.true(isDead(scope.buffer));
      const error = t.throws(() => scope.child.alloc(1), { code: 'ERR_RALLOC_CLOSED' });
      t.regex(error.message, /scope/);
      t.is(await scope.end(i), i);
    }
    t.is(arena.stats().scopes, 0);
    if (end === 'reset') t.is(arena.alloc(10).length, 10);
    arena.close();
  });
}

test('a reset of a scope is its own: the parent and its other scopes go on', async (t) => {
  const arena = new Arena();
  const outside = stamp(arena.alloc(10), 1);
  const other = openScope(arena, 2);
  const scope = openScope(arena, 3);
  scope.child.reset();
  t.true(isDead(scope.buffer));
  t.true(isStamped(stamp(scope.child.alloc(10), 4), 4));
  t.true(isStamped(outside, 1));
  t.true(isStamped(other.buffer, 2));
  await scope.end();
  await other.end();
  arena.close();
});

test('a scope can be closed early, and be left after that', (t) => {
  const arena = new Arena();
  let buffer;
  const result = arena.scope((child) => {
    buffer = child.alloc(10);
    child.close();
    child.close();
    t.true(isDead(buffer));
    t.throws(() => child.alloc(1), { code: 'ERR_RALLOC_CLOSED' });
    return 5;
  });
  t.is(result, 5);
  t.is(arena.alloc(10).length, 10);
  arena.close();
});

const escapes = {
  'a Buffer': (child) => child.alloc(10),
  'a part of a Buffer': (child) => child.alloc(10).subarray(3),
  'a typed array': (child) => child.array(Float64Array, 4),
  'a DataView': (child) => new DataView(child.alloc(10).buffer),
};

for (const [what, make] of Object.entries(escapes)) {
  test(`a scope that returns ${what} of its own throws, and names copyOut`, async (t) => {
    const arena = new Arena();
    let escaped;
    const fn = (child) => {
      escaped = make(child);
      return escaped;
    };
    const expected = { name: 'RallocError', code: 'ERR_RALLOC_ESCAPED', message: /copyOut/ };
    t.throws(() => arena.scope(fn), expected);
    t.is(escaped.buffer.byteLength, 0);
    await t.throwsAsync(
      arena.scope(async (child) => fn(child)),
      expected,
    );
    t.is(arena.stats().scopes, 0);
    t.is(arena.stats().allocated, 0);
    arena.close();
  });
}

test('what lives longer than a scope may leave it', async (t) => {
  const arena = new Arena();
  const copy = arena.scope((child) => child.copyOut(child.from('kept')));
  t.is(copy.toString(), 'kept');
  const outer = arena.scope((child) => {
    child.alloc(10);
    return arena.from('outer');
  });
  t.is(outer.toString(), 'outer');
  const heap = await arena.scope(async () => Buffer.from('heap'));
  t.is(heap.toString(), 'heap');
  arena.reset();
  t.true(isDead(outer));
  t.is(copy.toString(), 'kept');
  arena.close();
});

test("the error of a scope's function goes before that of its result", async (t) => {
  const arena = new Arena();
  const result = Object.defineProperty({}, 'then', {
    get() {
      throw new Error('from the getter');
    },
  });
  t.throws(() => arena.scope(() => result), { message: 'from the getter' });
  t.is(arena.stats().scopes, 0);
  arena.close();
});

test('any thenable counts as a promise', async (t) => {
  const arena = new Arena();
  let buffer;
  const result = arena.scope((child) => {
    buffer = child.alloc(10);
    // biome-ignore lint/suspicious/noThenProperty: the thenable is what is tested
    return { then: (resolve) => setImmediate(resolve, 'thenable') };
  });
  t.is(buffer.length, 10);
  t.is(await result, 'thenable');
  t.true(isDead(buffer));
  arena.close();
});

test("a scope is charged to its parent's limit", (t) => {
  const arena = new Arena({ maxBytes: 256 * KiB });
  arena.alloc(100 * KiB);
  arena.scope((child) => {
    t.is(child.stats().limit, 256 * KiB);
    t.throws(() => child.alloc(200 * KiB), { code: 'ERR_RALLOC_LIMIT' });
    t.is(child.alloc(100 * KiB).length, 100 * KiB);
    t.true(arena.stats().allocated >= 200 * KiB);
  });
  t.is(arena.alloc(100 * KiB).length, 100 * KiB);
  arena.close();
});

test('ten thousand scopes go round in the same memory', (t) => {
  const arena = new Arena();
  const step = () => arena.scope((child) => child.allocUnsafe(1000).length);
  step();
  const { used, mapped } = arena.stats().memory;
  for (let i = 0; i < 10_000; i++) step();
  t.is(arena.stats().memory.used, used);
  t.is(arena.stats().memory.mapped, mapped);
  arena.close();
});
