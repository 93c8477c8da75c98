'use strict';
// tier: run-time

// What an arena cannot take over, since somebody else has a part of it, or nobody can detach it: it is copied.

const test = require('ava');
const vm = require('node:vm');
const { markAsUntransferable } = require('node:worker_threads');
const { Arena, Slab, stats } = require('../..');
const { hasTransfer } = require('../../lib/base/runtime.js');
const { releases } = require('../helpers/given-back.js');

const SIZE = 10_000;
const INVALID = 'ERR_RALLOC_INVALID_ARGUMENT';
const DEAD = 'ERR_RALLOC_DEAD_BUFFER';
const PAGE = 64 * 1024;

const slab = new Slab({ sizes: [64], count: 4 });
const other = new Arena();

function untransferable(size) {
  const buffer = Buffer.alloc(size);
  markAsUntransferable(buffer.buffer);
  return buffer;
}

function frozen() {
  const buffer = Buffer.alloc(SIZE);
  Object.preventExtensions(buffer.buffer);
  return buffer;
}

/** Each with what it is counted as. */
const ties = {
  "a Buffer of Node's pool": [() => Buffer.from('pooled'), 'shared'],
  'a part of a Buffer': [() => Buffer.alloc(SIZE).subarray(1), 'shared'],
  'shared memory': [() => new Uint8Array(new SharedArrayBuffer(SIZE)), 'bound'],
  'an ArrayBuffer that takes no properties': [frozen, 'bound'],
  'a resizable ArrayBuffer': [
    () => new Uint8Array(new ArrayBuffer(SIZE, { maxByteLength: 2 * SIZE })),
    'bound',
  ],
  'a Buffer of another arena': [() => other.alloc(SIZE), undefined],
  'what another arena has adopted': [() => other.adopt(Buffer.alloc(SIZE)), undefined],
  'a Buffer of a slab': [() => slab.alloc(64), undefined],
};
const found = {
  "WebAssembly's memory": [
    () => new Uint8Array(new WebAssembly.Memory({ initial: 1 }).buffer),
    'bound',
  ],
  'an untransferable ArrayBuffer': [() => untransferable(SIZE), 'bound'],
  'an untransferable ArrayBuffer of some pages': [() => untransferable(PAGE), 'bound'],
};

test.before(releases);

for (const [name, [make, reason]] of Object.entries({ ...ties, ...(hasTransfer ? found : {}) })) {
  test.serial(`${name} is copied`, (t) => {
    const arena = new Arena();
    const view = make();
    view.fill(5);
    const size = view.length;
    const before = stats().bodies;
    const buffer = arena.adopt(view);
    const after = stats().bodies;
    t.not(buffer.buffer, view.buffer);
    t.true(buffer.length === size && buffer.every((byte) => byte === 5));
    t.true(arena.owns(buffer));
    t.false(arena.owns(view));
    t.is(after.copied - before.copied, size);
    t.is(after.adopted, before.adopted);
    for (const [key, bytes] of Object.entries(after.left)) {
      t.is(bytes - before.left[key], key === reason ? size : 0, key);
    }
    arena.reset();
    t.is(buffer.length, 0);
    t.true(view.length === size && view.every((byte) => byte === 5), 'the original lives');
    arena.close();
  });
}

for (const [name, [make]] of Object.entries(hasTransfer ? {} : found)) {
  test.serial(`${name}, which Node 20 does not tell, is adopted, and left at the reset`, (t) => {
    const arena = new Arena();
    const view = make();
    arena.adopt(view);
    const before = stats().bodies.left.bound;
    arena.reset();
    t.is(stats().bodies.left.bound - before, view.length);
    t.true(view.length > 0);
    t.is(arena.stats().memory.adopted, 0);
    arena.close();
  });
}

test.serial('what the arena has already is given as it is', (t) => {
  const arena = new Arena();
  for (const buffer of [arena.alloc(100), arena.adopt(Buffer.alloc(100))]) {
    t.is(arena.adopt(buffer), buffer);
    const part = buffer.subarray(10, 20);
    t.is(arena.adopt(part), part);
  }
  t.is(arena.stats().adopted, 100);
  arena.scope((child) => {
    const buffer = child.adopt(Buffer.alloc(100, 1));
    const copy = arena.adopt(buffer);
    t.not(copy, buffer, 'a scope ends before its arena');
    t.not(child.adopt(copy), copy);
  });
  arena.close();
});

test.serial('a marked Buffer that becomes untransferable is left at the reset', (t) => {
  const arena = new Arena();
  const buffer = arena.adopt(Buffer.alloc(SIZE, 3));
  markAsUntransferable(buffer.buffer);
  const before = stats().bodies.left.bound;
  arena.reset();
  t.is(stats().bodies.left.bound - before, SIZE);
  t.true(buffer.every((byte) => byte === 3));
  t.is(arena.stats().memory.adopted, 0);
  arena.close();
});

test.serial('no bytes are an empty Buffer, and dead ones an error', (t) => {
  const arena = new Arena();
  t.is(arena.adopt(Buffer.alloc(0)).length, 0);
  t.is(arena.adopt(new DataView(new ArrayBuffer(10), 10)).length, 0);
  const dead = other.alloc(10);
  other.reset();
  t.throws(() => arena.adopt(dead), {
    code: DEAD,
    message: /"buffer" argument is dead: its arena was reset/,
  });
  const adopted = arena.adopt(Buffer.alloc(10));
  arena.reset();
  t.throws(() => arena.adopt(adopted), { code: DEAD, message: /its arena was reset/ });
  const ab = new ArrayBuffer(SIZE, { maxByteLength: SIZE });
  const view = new DataView(ab, 10, 10);
  if (ab.resizable) {
    ab.resize(5);
    t.throws(() => arena.adopt(view), { code: DEAD });
  }
  t.is(arena.stats().memory.adopted, 0);
  arena.close();
});

test.serial('what is no view is refused', (t) => {
  const arena = new Arena();
  for (const value of [undefined, null, 'text', 5, [1], {}, new ArrayBuffer(8)]) {
    t.throws(() => arena.adopt(value), { code: INVALID, message: /"buffer" argument must be/ });
  }
  arena.close();
});

test.serial(
  "a subclass that lies is asked by V8's own getters; another realm's Buffer is adopted",
  (t) => {
    class Liar extends Uint8Array {
      get buffer() {
        return new ArrayBuffer(1);
      }
      get byteLength() {
        return 1;
      }
      get byteOffset() {
        return 1;
      }
    }
    const arena = new Arena();
    const buffer = arena.adopt(new Liar(100));
    t.deepEqual([buffer.length, arena.stats().adopted], [100, 100]);
    const foreign = vm.runInNewContext('new Uint8Array(50)');
    t.is(arena.adopt(foreign).length, 50);
    t.is(arena.stats().adopted, 150);
    arena.reset();
    t.is(foreign.length, 0);
    arena.close();
  },
);
