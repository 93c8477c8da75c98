'use strict';
// tier: run-time

// Parts of an arena's time: what a rewind ends, and the end of a scope.

const test = require('ava');
const { Arena } = require('../..');
const { stamp, isStamped, isZero, isDead } = require('../helpers/bytes.js');
const { closing } = require('../helpers/sources.js');

const KiB = 1024;

test('rewind kills what came since the checkpoint, and nothing from before', (t) => {
  const arena = closing(t);
  const before = stamp(arena.alloc(100), 1);
  const mark = arena.checkpoint();
  const since = [10, 5000, 200_000].map((size) => stamp(arena.alloc(size), 2));
  arena.rewind(mark);
  for (const buffer of since) t.true(isDead(buffer));
  t.true(isStamped(before, 1));
  t.true(arena.owns(before));
});

test('after a rewind the arena stands where it stood', (t) => {
  const arena = closing(t);
  const first = arena.alloc(100);
  const mark = arena.checkpoint();
  arena.alloc(100);
  arena.rewind(mark);
  const second = arena.alloc(100);
  t.is(second.buffer, first.buffer);
  t.is(second.byteOffset, first.byteOffset + 104);
  t.true(isZero(second));
});

test('a checkpoint without an allocation opens nothing', (t) => {
  const arena = closing(t);
  arena.alloc(100);
  const { spans, memory } = arena.stats();
  for (let i = 0; i < 100; i++) arena.rewind(arena.checkpoint());
  arena.checkpoint();
  t.is(arena.stats().spans, spans);
  t.is(arena.stats().memory.used, memory.used);
});

test('a checkpoint before the first allocation leads back to nothing', (t) => {
  const arena = closing(t);
  const mark = arena.checkpoint();
  const buffer = arena.alloc(100);
  arena.rewind(mark);
  t.true(isDead(buffer));
  t.is(arena.stats().allocated, 0);
  t.is(arena.stats().spans, 0);
});

test('checkpoints nest, last in first out', (t) => {
  const arena = closing(t);
  const layers = [];
  for (let i = 0; i < 10; i++) {
    layers.push({ mark: arena.checkpoint(), buffer: stamp(arena.alloc(500 * (i + 1)), i) });
  }
  for (let i = 9; i >= 0; i--) {
    t.true(isStamped(layers[i].buffer, i));
    arena.rewind(layers[i].mark);
    t.true(isDead(layers[i].buffer));
  }
});

test('two checkpoints at one place are two: the inner is rewound first', (t) => {
  const arena = closing(t);
  const base = stamp(arena.alloc(10), 1);
  const outer = arena.checkpoint();
  const inner = arena.checkpoint();
  const buffer = arena.alloc(10);
  arena.rewind(inner);
  t.true(isDead(buffer));
  const next = stamp(arena.alloc(10), 2);
  t.true(isStamped(next, 2));
  arena.rewind(outer);
  t.true(isDead(next));
  t.true(isStamped(base, 1));
});

const stale = {
  'that was rewound to before': (arena) => {
    const mark = arena.checkpoint();
    arena.rewind(mark);
    return mark;
  },
  'from before a reset': (arena) => {
    const mark = arena.checkpoint();
    arena.reset();
    arena.alloc(8);
    return mark;
  },
  'from before a reset that has a Buffer to release': (arena) => {
    arena.alloc(8);
    const mark = arena.checkpoint();
    arena.reset();
    return mark;
  },
  'from before a reset and a newer checkpoint': (arena) => {
    const mark = arena.checkpoint();
    arena.reset();
    arena.checkpoint();
    return mark;
  },
  'that an outer rewind has passed': (arena) => {
    const outer = arena.checkpoint();
    const inner = arena.checkpoint();
    arena.rewind(outer);
    return inner;
  },
  'of another arena': () => new Arena().checkpoint(),
  'of a scope': (arena) => arena.scope((child) => child.checkpoint()),
};

test('a checkpoint that is spent, or of another arena, is refused, and nothing changes', (t) => {
  for (const [what, make] of Object.entries(stale)) {
    const arena = closing(t);
    const mark = make(arena);
    const buffer = stamp(arena.alloc(100), 5);
    const before = arena.stats();
    const message = `The checkpoint ${
      what.startsWith('of ')
        ? 'belongs to another arena'
        : 'is no longer valid: the arena was rewound to it or past it, or was reset'
    }`;
    const code = 'ERR_RALLOC_STALE_CHECKPOINT';
    t.throws(() => arena.rewind(mark), { name: 'RallocError', code, message }, what);
    t.deepEqual(arena.stats(), before, what);
    t.true(isStamped(buffer, 5), what);
  }
});

test("a scope cannot rewind its parent's checkpoint", (t) => {
  const arena = closing(t);
  const mark = arena.checkpoint();
  const buffer = arena.alloc(10);
  arena.scope((child) => {
    t.throws(() => child.rewind(mark), { code: 'ERR_RALLOC_STALE_CHECKPOINT' });
  });
  t.is(buffer.length, 10);
  arena.rewind(mark);
  t.is(buffer.length, 0);
});

test('what is no checkpoint is refused, however it looks', (t) => {
  const arena = closing(t);
  const buffer = arena.alloc(10);
  const real = arena.checkpoint();
  const forged = Object.create(Object.getPrototypeOf(real));
  for (const value of [undefined, null, 0, 'mark', {}, forged, { ...real }, () => real]) {
    t.throws(() => arena.rewind(value), {
      instanceOf: TypeError,
      code: 'ERR_RALLOC_INVALID_ARGUMENT',
    });
  }
  t.is(buffer.length, 10);
  t.notThrows(() => arena.rewind(real));
});

test('a rewind over a window whose memory was full goes on in it', (t) => {
  const arena = closing(t, { chunkSize: 64 * KiB });
  const full = stamp(arena.allocUnsafe(64 * KiB), 1);
  const mark = arena.checkpoint();
  arena.alloc(10);
  arena.rewind(mark);
  const next = stamp(arena.alloc(10), 2);
  t.true(isStamped(full, 1));
  t.true(isStamped(next, 2));
});

// Scopes.

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
  const arena = closing(t);
  const outside = stamp(arena.alloc(100), 1);
  let inside;
  const result = arena.scope((child) => {
    inside = child.from('twelve bytes');
    return inside.length;
  });
  t.is(result, 12);
  t.true(isDead(inside));
  t.true(isStamped(outside, 1));
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

test('a scope that throws or whose promise rejects ends, and its error goes on', async (t) => {
  const arena = closing(t);
  const error = new Error('mine');
  let buffer;
  const fail = (child) => {
    buffer = child.alloc(10);
    throw error;
  };
  t.is(
    t.throws(() => arena.scope(fail)),
    error,
  );
  t.true(isDead(buffer));
  const promise = arena.scope(async (child) => {
    await null;
    fail(child);
  });
  t.is(arena.stats().scopes, 1);
  t.is(await t.throwsAsync(promise), error);
  t.true(isDead(buffer));
  t.is(arena.stats().scopes, 0);
});

test('scopes nest, and an inner one that is still open ends with the outer', async (t) => {
  const arena = closing(t);
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
});

for (const end of ['reset', 'close']) {
  test(`a ${end} of the parent ends its scopes`, async (t) => {
    const arena = closing(t);
    const scopes = [1, 2, 3].map((id) => openScope(arena, id));
    arena[end]();
    for (const [i, scope] of scopes.entries()) {
      t.true(isDead(scope.buffer));
      const message = 'The scope of this arena is closed';
      t.throws(() => scope.child.alloc(1), { code: 'ERR_RALLOC_CLOSED', message });
      t.is(await scope.end(i), i);
    }
    t.is(arena.stats().scopes, 0);
    if (end === 'reset') t.is(arena.alloc(10).length, 10);
  });
}

test('a reset of a scope is its own: the parent and its other scopes go on', async (t) => {
  const arena = closing(t);
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
});

test('a scope can be closed early, and be left after that', (t) => {
  const arena = closing(t);
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
});

const escapes = {
  'a Buffer': (child) => child.alloc(10),
  'a part of a Buffer': (child) => child.alloc(10).subarray(3),
  'a typed array': (child) => child.array(Float64Array, 4),
  'a DataView': (child) => new DataView(child.alloc(10).buffer),
};

test('a scope that returns a Buffer or view of its own throws, and names copyOut', async (t) => {
  for (const [what, make] of Object.entries(escapes)) {
    const arena = closing(t);
    let escaped;
    const fn = (child) => {
      escaped = make(child);
      return escaped;
    };
    const message =
      'The scope returned a Buffer of its own, which is dead now. Return copyOut(buffer), or allocate it from the outer arena';
    const expected = { name: 'RallocError', code: 'ERR_RALLOC_ESCAPED', message };
    t.throws(() => arena.scope(fn), expected, what);
    t.is(escaped.buffer.byteLength, 0, what);
    await t.throwsAsync(
      arena.scope(async (child) => fn(child)),
      expected,
    );
    t.like(arena.stats(), { scopes: 0, allocated: 0 }, what);
  }
});

test('what lives longer than a scope may leave it', async (t) => {
  const arena = closing(t);
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
});

test("the error of a scope's function goes before that of its result", async (t) => {
  const arena = closing(t);
  const result = Object.defineProperty({}, 'then', {
    get() {
      throw new Error('from the getter');
    },
  });
  t.throws(() => arena.scope(() => result), { message: 'from the getter' });
  t.is(arena.stats().scopes, 0);
});

test('any thenable counts as a promise', async (t) => {
  const arena = closing(t);
  let buffer;
  const result = arena.scope((child) => {
    buffer = child.alloc(10);
    // biome-ignore lint/suspicious/noThenProperty: the thenable is what is tested
    return { then: (resolve) => setImmediate(resolve, 'thenable') };
  });
  t.is(buffer.length, 10);
  t.is(await result, 'thenable');
  t.true(isDead(buffer));
});

test("a scope is charged to its parent's limit", (t) => {
  const arena = closing(t, { maxBytes: 256 * KiB });
  arena.alloc(100 * KiB);
  arena.scope((child) => {
    t.is(child.stats().limit, 256 * KiB);
    t.throws(() => child.alloc(200 * KiB), { code: 'ERR_RALLOC_LIMIT' });
    t.is(child.alloc(100 * KiB).length, 100 * KiB);
    t.true(arena.stats().allocated >= 200 * KiB);
  });
  t.is(arena.alloc(100 * KiB).length, 100 * KiB);
});
