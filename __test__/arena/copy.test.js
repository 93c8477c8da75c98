'use strict';
// tier: run-time

// What is wrong is refused with a typed error that carries its code, in Node's wording, before anything
// has changed: the stats and the place of the next allocation are the same after it.

const test = require('ava');
const { inspect } = require('node:util');
const vm = require('node:vm');
const { Arena } = require('../..');
const { nodeMajor } = require('../helpers/backend.js');
const { stamp, isStamped, isZero } = require('../helpers/bytes.js');
const { closing } = require('../helpers/sources.js');
const { notNumbers, notSizes, noting } = require('../helpers/values.js');

const CODE = 'ERR_RALLOC_INVALID_ARGUMENT';

/** Runs `act` between two allocations, which must lie side by side; the error that it threw. */
function refused(t, act, what, options) {
  const arena = new Arena({ maxBytes: 1 << 20, ...options });
  const first = arena.allocUnsafe(8);
  const before = arena.stats();
  const error = t.throws(() => act(arena), undefined, what);
  t.deepEqual(arena.stats(), before, what);
  const second = arena.allocUnsafe(8);
  t.is(second.buffer, first.buffer, what);
  t.is(second.byteOffset, first.byteOffset + 8, what);
  arena.close();
  return error;
}

function refusedAs(t, Type, act, what) {
  const error = refused(t, act, what);
  t.is(error.code, CODE, what);
  t.is(error.constructor, Type, what);
  return error;
}

const sized = {
  alloc: (arena, size) => arena.alloc(size),
  allocUnsafe: (arena, size) => arena.allocUnsafe(size),
  reserve: (arena, size) => arena.reserve(size),
  'array of': (arena, size) => arena.array(Uint8Array, size),
};

for (const [name, act] of Object.entries(sized)) {
  test(`${name}: what is no size is refused, and a huge one is over the limit`, (t) => {
    const about = /^The (value of )?"(size|bytes|length)" /;
    for (const size of notNumbers) {
      const error = refusedAs(t, TypeError, (arena) => act(arena, size), inspect(size));
      t.regex(error.message, about);
      t.regex(error.message, /argument must be of type number\. Received /);
    }
    for (const size of notSizes) {
      const error = refusedAs(t, RangeError, (arena) => act(arena, size), inspect(size));
      t.regex(error.message, about);
      t.regex(error.message, /is out of range\. It must be an .* Received /);
      t.true(error.message.endsWith(inspect(size)));
    }
    for (const size of [2 ** 31, 2 ** 32, 2 ** 32 + 8, 2 ** 53 - 1]) {
      t.is(refused(t, (arena) => act(arena, size), `${size}`).code, 'ERR_RALLOC_LIMIT');
    }
  });
}

test('the concat length is checked as a size', (t) => {
  for (const length of notNumbers.slice(1)) {
    refusedAs(t, TypeError, (arena) => arena.concat([], length), inspect(length));
  }
  for (const length of notSizes) {
    refusedAs(t, RangeError, (arena) => arena.concat([], length), inspect(length));
  }
});

test('a list that is no Array, or holds what is no Buffer, is a TypeError', (t) => {
  const lists = [
    undefined,
    null,
    'ab',
    {},
    new Set(),
    { length: 1, 0: Buffer.alloc(1) },
    Buffer.alloc(3),
  ];
  for (const list of lists) refusedAs(t, TypeError, (arena) => arena.concat(list), inspect(list));
  const elements = [
    undefined,
    null,
    'a',
    1,
    {},
    [1],
    new Uint16Array(1),
    new ArrayBuffer(1),
    new DataView(new ArrayBuffer(1)),
    new Proxy(Buffer.alloc(1), {}),
    Object.create(Buffer.prototype),
  ];
  for (const [i, element] of elements.entries()) {
    const list = [Buffer.alloc(1), element];
    const error = refusedAs(t, TypeError, (arena) => arena.concat(list), `element ${i}`);
    t.regex(error.message, /"list\[1\]"/);
  }
  refusedAs(t, TypeError, (arena) => arena.concat(new Array(2)), 'holes');
});

test('an error of a getter in a list goes on, and nothing has changed', (t) => {
  const list = Object.defineProperty([], 0, {
    get() {
      throw new RangeError('mine');
    },
  });
  t.is(refused(t, (arena) => arena.concat(list)).message, 'mine');
  const revoked = Proxy.revocable([], {});
  revoked.revoke();
  t.is(refused(t, (arena) => arena.concat(revoked.proxy)).constructor, TypeError);
});

test('from() what cannot be bytes is a TypeError', (t) => {
  const values = [undefined, null, 1, true, 8n, Symbol('a'), () => {}, {}, Object(1)];
  for (const value of values) {
    const error = refusedAs(t, TypeError, (arena) => arena.from(value), inspect(value));
    t.regex(error.message, /^The "value" argument must be of type string or an instance of Buffer/);
  }
  for (const encoding of [1, {}, null, 'utf9', '']) {
    refusedAs(t, TypeError, (arena) => arena.from('a', encoding), inspect(encoding));
  }
});

test('array() of what is no typed array is a TypeError', (t) => {
  for (const Type of [
    undefined,
    null,
    'Uint8Array',
    Array,
    DataView,
    Buffer,
    class extends Uint8Array {},
  ]) {
    refusedAs(t, TypeError, (arena) => arena.array(Type, 1), inspect(Type));
  }
  const error = refused(t, (arena) => arena.array(Float64Array, 1e6), 'over the limit', {
    align: 1,
  });
  t.is(error.code, 'ERR_RALLOC_LIMIT');
  if (nodeMajor < 24) {
    refusedAs(t, TypeError, (arena) => arena.array(globalThis.Float16Array, 1), 'no Float16Array');
  }
});

test('a scope of what is no function, a hold on what is no promise, a copy of what is no view', (t) => {
  for (const value of [undefined, null, 1, 'fn', {}, Promise.resolve()]) {
    refusedAs(t, TypeError, (arena) => arena.scope(value), inspect(value));
  }
  for (const value of [null, 1, 'promise', {}, () => {}, Object('then')]) {
    const error = refusedAs(t, TypeError, (arena) => arena.hold(value), inspect(value));
    t.regex(error.message, /^The "promise" argument must be an instance of Promise\. Received /);
  }
  for (const value of [undefined, null, 'text', {}, [1], new ArrayBuffer(8)]) {
    refusedAs(t, TypeError, (arena) => arena.copyOut(value), inspect(value));
  }
});

const badOptions = [
  [TypeError, null, /"options" argument must be an object/],
  [TypeError, 1, /"options" argument must be an object/],
  [TypeError, 'maxBytes', /"options" argument/],
  [TypeError, [], /"options" argument/],
  [TypeError, { maxbytes: 1 }, /Unknown option "maxbytes"\. Did you mean "maxBytes"\?/],
  [TypeError, { chunksize: 4096 }, /Did you mean "chunkSize"\?/],
  [TypeError, { alignment: 8 }, /Did you mean "align"\?/],
  [TypeError, { saftey: 'gc' }, /Did you mean "safety"\?/],
  [TypeError, { maxBytes: '1 MiB' }, /"options\.maxBytes" property must be of type number/],
  [TypeError, { maxBytes: 8n }, /"options\.maxBytes"/],
  [RangeError, { maxBytes: 0 }, /"options\.maxBytes" is out of range/],
  [RangeError, { maxBytes: -1 }, /It must be an integer >= 1/],
  [RangeError, { maxBytes: Number.NaN }, /Received NaN/],
  [RangeError, { maxBytes: 1.5 }, /Received 1\.5/],
  [RangeError, { maxBytes: Infinity }, /Received Infinity/],
  [RangeError, { chunkSize: 4095 }, /"options\.chunkSize" is out of range/],
  [RangeError, { chunkSize: 8192, maxBytes: 4096 }, /<= options\.maxBytes \(4096\)/],
  [RangeError, { chunkSize: 65 * 2 ** 20 }, /<= options\.maxBytes \(67108864\)/],
  [RangeError, { align: 0 }, /"options\.align"/],
  [RangeError, { align: 3 }, /a power of two >= 1 and <= 4096/],
  [RangeError, { align: 8192 }, /<= 4096/],
  [TypeError, { align: '8' }, /of type number/],
  [RangeError, { safety: 'safe' }, /'detach', 'gc', 'recycle'/],
  [TypeError, { safety: true }, /of type string/],
  [TypeError, { wipe: 1 }, /of type boolean/],
  [TypeError, { name: 5 }, /of type string/],
  [RangeError, { holdMs: 0 }, /"options\.holdMs"/],
  [RangeError, { holdMs: 2 ** 31 }, /<= 2147483647/],
];

test('options of the wrong name, type or value are refused', (t) => {
  for (const [Type, options, message] of badOptions) {
    const error = t.throws(() => new Arena(options), { code: CODE, message }, inspect(options));
    t.is(error.constructor, Type, inspect(options));
  }
});

test('an undefined option is its default, and every option is read once', (t) => {
  const { reads, noted } = noting({ maxBytes: 1 << 20, safety: undefined, name: 'mine' });
  const arena = closing(t, noted);
  t.deepEqual(reads, ['maxBytes', 'safety', 'name']);
  const { limit, safety, name } = arena.stats();
  t.deepEqual({ limit, safety, name }, { limit: 1 << 20, safety: 'detach', name: 'mine' });
});

test('a method on what is no arena is a TypeError', (t) => {
  for (const method of ['alloc', 'reset', 'scope', 'stats', 'close']) {
    t.throws(() => Arena.prototype[method].call({}, 1), { instanceOf: TypeError });
  }
  t.throws(() => Arena(), { instanceOf: TypeError });
});

// What from(), concat(), array() and copyOut() copy: as Buffer's functions of the same name do.

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
  const { reads, noted } = noting([Buffer.from('a'), Buffer.from('b')]);
  withArena((arena) => t.is(arena.concat(noted).toString(), 'ab'));
  t.deepEqual(reads, ['length', '0', '1']);
});

const meddlers = {
  'closes the arena': (arena) => arena.close(),
  'resets the arena': (arena) => arena.reset(),
  'allocates from the arena': (arena) => arena.allocUnsafe(100).fill(0xff),
  'takes a checkpoint': (arena) => arena.checkpoint(),
  'detaches an earlier element': (_, first) => structuredClone(first, { transfer: [first] }),
};

test('a list whose getter meddles with the arena or the list does no harm', (t) => {
  for (const [what, meddle] of Object.entries(meddlers)) {
    withArena((arena) => {
      const first = new Uint8Array([1, 2, 3]);
      const list = [first, null];
      Object.defineProperty(list, 1, {
        get() {
          meddle(arena, first.buffer);
          return Buffer.from('second');
        },
      });
      if (what === 'closes the arena') {
        return t.throws(() => arena.concat(list), { code: 'ERR_RALLOC_CLOSED' });
      }
      const result = arena.concat(list);
      t.is(result.length, 9, what);
      t.true(arena.owns(result));
      const expected = first.length === 0 ? 'second\0\0\0' : '\x01\x02\x03second';
      t.is(result.toString(), expected);
      const next = stamp(arena.alloc(100), 1);
      t.is(result.toString(), expected);
      return t.true(isStamped(next, 1));
    });
  }
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
