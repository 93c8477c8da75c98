'use strict';
// tier: run-time

const test = require('ava');
const vm = require('node:vm');
const { Arena } = require('../..');
const { stamp, isStamped, isZero } = require('../helpers/bytes.js');
const { nodeMajor } = require('../helpers/backend.js');

const KiB = 1024;

/** Runs `body` with an arena whose memory is dirty. */
function withArena(body, options) {
  const arena = new Arena(options);
  arena.allocUnsafe(20 * KiB).fill(0xa5);
  arena.reset();
  body(arena);
  arena.close();
}

const encodings = ['utf8', 'utf-8', 'UTF8', 'latin1', 'binary', 'ascii', 'hex', 'base64'].concat([
  'base64url',
  'ucs2',
  'ucs-2',
  'utf16le',
  'utf-16le',
]);
const texts = [
  '',
  'a',
  'plain text',
  'Grüße, 世界 🌍',
  'abc0',
  'not hex',
  'YWJj\nZGVm',
  'a-_b==',
  '\ud800',
];

test('from(string) gives the bytes that Buffer.from gives, in every encoding', (t) => {
  withArena((arena) => {
    for (const text of texts) {
      t.deepEqual(arena.from(text), Buffer.from(text));
      for (const encoding of encodings) {
        t.deepEqual(arena.from(text, encoding), Buffer.from(text, encoding), `${text} ${encoding}`);
      }
    }
    const long = 'ü'.repeat(100_000);
    t.deepEqual(arena.from(long), Buffer.from(long));
  });
});

test('from(value) reads what Buffer.from reads', (t) => {
  const values = [
    [1, 2, 300, -1, 2.7, 'x'],
    Buffer.from('bytes'),
    new Uint8Array([1, 2, 3]).subarray(1),
    new Uint16Array([1, 256, 3]),
    new Uint8Array([9, 8, 7]).buffer,
    new SharedArrayBuffer(4),
    { type: 'Buffer', data: [1, 2, 3] },
    { length: 2, 0: 5, 1: 6 },
    Object('a String object'),
    { [Symbol.toPrimitive]: () => 'primitive' },
    vm.runInNewContext('new Uint8Array([1, 2])'),
    vm.runInNewContext('[3, 4]'),
    new (class extends Uint8Array {})(3),
    [],
  ];
  withArena((arena) => {
    for (const value of values) {
      const buffer = arena.from(value);
      t.deepEqual(buffer, Buffer.from(value));
      t.true(buffer.length === 0 || arena.owns(buffer));
    }
  });
});

test('an array-like that is too long for Node is refused, and what a getter throws is left as it is', (t) => {
  withArena((arena) => {
    const error = t.throws(() => arena.from({ length: 2 ** 50 }), {
      instanceOf: RangeError,
      code: 'ERR_RALLOC_INVALID_ARGUMENT',
    });
    t.regex(error.message, /^The "value" argument is too long\. (?:Invalid|Array buffer)/);
    t.is(arena.stats().allocated, 0);
    const mine = new RangeError('mine');
    const value = {
      get length() {
        throw mine;
      },
    };
    t.is(
      t.throws(() => arena.from(value)),
      mine,
    );
    t.is(mine.code, undefined);
  });
});

test('from() copies: the source and the arena change apart', (t) => {
  withArena((arena) => {
    const source = new Uint8Array([1, 2, 3]);
    const fromView = arena.from(source);
    const fromBuffer = arena.from(source.buffer);
    source[0] = 9;
    t.is(fromView[0], 1);
    t.is(fromBuffer[0], 1);
  });
});

test('concat gives what Buffer.concat gives', (t) => {
  const parts = [Buffer.from('one'), new Uint8Array([1, 2]), Buffer.alloc(0), Buffer.from('three')];
  withArena((arena) => {
    t.deepEqual(arena.concat(parts), Buffer.concat(parts));
    for (const length of [0, 1, 3, 4, 9, 10, 11, 1000]) {
      t.deepEqual(arena.concat(parts, length), Buffer.concat(parts, length), `${length} bytes`);
    }
    t.deepEqual(arena.concat([]), Buffer.alloc(0));
    t.deepEqual(arena.concat([], 5), Buffer.concat([], 5));
    t.throws(() => arena.concat([], -1), { code: 'ERR_RALLOC_INVALID_ARGUMENT' });
    const own = [arena.from('of the '), arena.from('arena')];
    t.is(arena.concat(own).toString(), 'of the arena');
  });
});

test('concat reads its list once: length, and each element in order', (t) => {
  const reads = [];
  const list = new Proxy([Buffer.from('a'), Buffer.from('b')], {
    get(target, key) {
      reads.push(key);
      return target[key];
    },
  });
  withArena((arena) => t.is(arena.concat(list).toString(), 'ab'));
  t.deepEqual(reads, ['length', '0', '1']);
});

test('concat takes from a getter what it gives the first time', (t) => {
  let calls = 0;
  const list = [Buffer.from('a'), null];
  Object.defineProperty(list, 1, {
    get() {
      calls++;
      return calls === 1 ? Buffer.from('first') : 'second';
    },
  });
  withArena((arena) => t.is(arena.concat(list).toString(), 'afirst'));
  t.is(calls, 1);
});

const meddlers = {
  'resets the arena': (arena) => arena.reset(),
  'allocates from the arena': (arena) => arena.allocUnsafe(100).fill(0xff),
  'takes a checkpoint': (arena) => arena.checkpoint(),
  'detaches an earlier element': (_, first) => structuredClone(first, { transfer: [first] }),
};

for (const [what, meddle] of Object.entries(meddlers)) {
  test(`a list whose getter ${what} does no harm`, (t) => {
    withArena((arena) => {
      const first = new Uint8Array([1, 2, 3]);
      const list = [first, null];
      Object.defineProperty(list, 1, {
        get() {
          meddle(arena, first.buffer);
          return Buffer.from('second');
        },
      });
      const result = arena.concat(list);
      t.is(result.length, 9);
      t.true(arena.owns(result));
      const expected = first.length === 0 ? 'second\0\0\0' : '\x01\x02\x03second';
      t.is(result.toString(), expected);
      const next = stamp(arena.alloc(100), 1);
      t.is(result.toString(), expected);
      t.true(isStamped(next, 1));
    });
  });
}

test('a list that closes the arena while it is read is told so', (t) => {
  const arena = new Arena();
  const list = [];
  Object.defineProperty(list, 0, {
    get() {
      arena.close();
      return Buffer.from('a');
    },
  });
  t.throws(() => arena.concat(list), { code: 'ERR_RALLOC_CLOSED' });
});

test('elements whose own length lies are taken at their real length', (t) => {
  const liar = Object.defineProperty(Buffer.from('abc'), 'length', { value: 1000 });
  withArena((arena) => {
    t.is(arena.concat([liar]).toString(), 'abc');
    t.is(arena.from(liar).toString(), 'abc');
  });
});

test('array() gives zeroed typed arrays of every type, where their elements may lie', (t) => {
  const types = [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ];
  if (nodeMajor >= 24) types.push(globalThis.Float16Array);
  for (const align of [1, 8]) {
    withArena(
      (arena) => {
        for (const Type of types) {
          arena.allocUnsafe(1);
          const array = arena.array(Type, 10);
          t.is(array.constructor, Type);
          t.is(array.length, 10);
          t.is(array.byteOffset % Type.BYTES_PER_ELEMENT, 0);
          t.true(array.every((element) => Number(element) === 0));
          t.true(arena.owns(array));
        }
      },
      { align },
    );
  }
});

test('copyOut gives a copy that no reset touches, of any view', (t) => {
  const arena = new Arena();
  const buffer = stamp(arena.alloc(1000), 1);
  const numbers = arena.array(Float64Array, 3).fill(1.5);
  const copies = [
    arena.copyOut(buffer),
    arena.copyOut(numbers),
    arena.copyOut(new DataView(buffer.buffer, buffer.byteOffset, 1000)),
    arena.copyOut(vm.runInNewContext('new DataView(new ArrayBuffer(8))')),
  ];
  arena.close();
  t.true(isStamped(copies[0], 1));
  t.deepEqual([...new Float64Array(copies[1].buffer)], [1.5, 1.5, 1.5]);
  t.true(isStamped(copies[2], 1));
  t.true(isZero(copies[3]));
  // Of its own, so that a posted copy takes nothing else along.
  for (const copy of copies) t.is(copy.buffer.byteLength, copy.length);
});
