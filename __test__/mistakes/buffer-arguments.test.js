'use strict';
// tier: run-time

// Arguments that Buffer's functions take: ralloc's of the same name do what Buffer's do, or refuse.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { Arena, Region, Slab } = require('../..');

const code = 'ERR_RALLOC_INVALID_ARGUMENT';

const bytes = Uint8Array.of(1, 2, 3, 4);
const ranges = [[], [0], [1], [4], [1, 2], [0, 4], [4, 0], [undefined, 3], [2, undefined]];

for (const kind of ['ArrayBuffer', 'SharedArrayBuffer']) {
  test(`from(${kind}, byteOffset, length) copies the bytes that Buffer.from gives`, (t) => {
    const ab = new globalThis[kind](4);
    new Uint8Array(ab).set(bytes);
    const arena = new Arena();
    for (const range of ranges) {
      const copy = arena.from(ab, ...range);
      t.deepEqual(copy, Buffer.from(ab, ...range), String(range));
      t.true(copy.length === 0 || arena.owns(copy));
    }
    for (const [range, name, most] of [
      [[5], 'byteOffset', 4],
      [[-1], 'byteOffset', 4],
      [[0.5], 'byteOffset', 4],
      [[1, 4], 'length', 3],
    ]) {
      const received = `It must be an integer >= 0 and <= ${most}. Received ${range.at(-1)}`;
      const message = `The value of "${name}" is out of range. ${received}`;
      t.throws(() => arena.from(ab, ...range), { instanceOf: RangeError, code, message });
    }
    const message = `The "byteOffset" argument must be of type number. Received type string ('utf8')`;
    t.throws(() => arena.from(ab, 'utf8'), { instanceOf: TypeError, code, message });
  });
}

test('from(object, encoding, length) passes all of them on, as for valueOf', (t) => {
  const boxed = { valueOf: () => bytes.buffer };
  t.deepEqual(new Arena().from(boxed, 1, 2), Buffer.from(boxed, 1, 2));
});

const fills = [
  ...[0, 1, 257, -1, 1.5, Number.NaN, true, false, '', 'a', 'abc', 'é'].map((one) => [one]),
  ...['abcdefghijklmnop', Buffer.from('xyz'), Uint8Array.of(7, 8, 9)].map((one) => [one]),
  ['ab', 'ucs2'],
  ['é', 'latin1'],
  ['0aff', 'hex'],
  ['YWJj', 'base64'],
];

/** Functions of each that fill, over memory that is dirty. */
const allocators = {
  'arena.alloc': (...given) => {
    const arena = new Arena();
    arena.allocUnsafe(100).fill(0xa5);
    arena.reset();
    return arena.alloc(...given);
  },
  'slab.alloc': (...given) => slabOf().alloc(...given),
  'slab.tryAlloc': (...given) => slabOf().tryAlloc(...given),
  'region.alloc': (...given) => regionOf().alloc(...given),
  'region.tryAlloc': (...given) => regionOf().tryAlloc(...given),
};

function slabOf() {
  const slab = new Slab({ sizes: [64], count: 1 });
  const dirty = slab.allocUnsafe(64).fill(0xa5);
  slab.free(dirty);
  return slab;
}

function regionOf() {
  const region = new Region();
  region.free(region.allocUnsafe(64).fill(0xa5));
  return region;
}

for (const [name, alloc] of Object.entries(allocators)) {
  test(`${name}(size, fill, encoding) fills as Buffer.alloc does`, (t) => {
    for (const given of fills) {
      for (const size of [0, 1, 10]) {
        const filled = alloc(size, ...given);
        t.true(Buffer.alloc(size, ...given).equals(filled), `${size}, ${given}`);
      }
    }
    t.true(alloc(10, undefined).equals(Buffer.alloc(10)));
  });

  test(`${name}() refuses what nothing can be filled with, before it allocates`, (t) => {
    const type = 'must be of type string, number or boolean, or an instance of Buffer. Received';
    const range = 'is out of range. It must be at least one byte. Received';
    for (const [message, ...given] of [
      [`The "fill" argument ${type} an instance of Object`, {}],
      [`The "fill" argument ${type} null`, null],
      [`The value of "fill" ${range} <Buffer >`, Buffer.alloc(0)],
      [`The value of "fill" ${range} 'zz'`, 'zz', 'hex'],
    ]) {
      t.throws(() => alloc(10, ...given), { code, message });
    }
    t.throws(() => alloc(10, 'a', 'utf9'), {
      code,
      message: /"encoding" argument must be a known/,
    });
    t.throws(() => alloc('10', 1), { code, message: /"size" argument must be of type number/ });
    t.throws(() => alloc(-1, 1), { code, message: /"size" is out of range/ });
  });
}

test('an arena whose fill was refused has allocated nothing', (t) => {
  const arena = new Arena();
  t.throws(() => arena.alloc(10, {}), { code });
  t.is(arena.stats().allocated, 0);
});

// Texts of V8 and Node that users of dead Buffers meet, and search for: docs/reference/errors.md has each, with what gives it.

const docs = fs.readFileSync(
  path.join(__dirname, '..', '..', 'docs', 'reference', 'errors.md'),
  'utf8',
);
const section = docs.split('## Errors of V8 and Node')[1].split('\n## ')[0];
const texts = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, text]) => text);

/** What is called on a dead Buffer. */
const calls = {
  subarray: ({ dead }) => dead.subarray(1),
  slice: ({ dead }) => dead.slice(1),
  'a new view': ({ dead }) => new Uint8Array(dead.buffer),
  fill: ({ dead }) => Uint8Array.prototype.fill.call(dead, 1),
  'fill of Buffer': ({ dead }) => dead.fill(1),
  set: ({ dead }) => dead.set([1]),
  DataView: ({ view }) => view.getUint8(0),
  'slice of its ArrayBuffer': ({ dead }) => dead.buffer.slice(0),
  structuredClone: ({ dead }) => structuredClone(dead),
  readUInt32LE: ({ dead }) => dead.readUInt32LE(0),
  writeUInt32LE: ({ dead }) => dead.writeUInt32LE(1, 0),
};

const met = new Set();

for (const [name, call] of Object.entries(calls)) {
  test.serial(`${name} of a dead Buffer throws a text that docs/reference/errors.md has`, (t) => {
    const arena = new Arena();
    const dead = arena.alloc(8);
    const view = new DataView(dead.buffer, dead.byteOffset, 8);
    arena.reset();
    let message;
    try {
      call({ dead, view });
    } catch (error) {
      message = error.message.replace('detached or out-of-bounds', 'detached'); // Node 26
    }
    const known = texts.find((text) => message?.includes(text));
    t.not(known, undefined, message);
    met.add(known);
  });
}

test.serial('docs/reference/errors.md has no other texts', (t) => {
  t.deepEqual([...met].sort(), [...texts].sort());
});
