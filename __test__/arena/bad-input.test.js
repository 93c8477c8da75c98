'use strict';
// tier: run-time

// What is wrong is refused with a typed error that carries its code, in Node's wording, before anything
// has changed: the stats and the place of the next allocation are the same after it.

const test = require('ava');
const { inspect } = require('node:util');
const { Arena, requestArena } = require('../..');
const { nodeMajor } = require('../helpers/backend.js');

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

const notNumbers = [
  undefined,
  null,
  '8',
  '',
  true,
  {},
  [],
  [8],
  () => 8,
  { valueOf: () => 8 },
  Object(8),
  8n,
  Symbol('8'),
];
const notSizes = [Number.NaN, -1, -8, 0.5, 8.5, -Infinity, Infinity, 2 ** 53, 1e300, -(2 ** 31)];

const sized = {
  alloc: (arena, size) => arena.alloc(size),
  allocUnsafe: (arena, size) => arena.allocUnsafe(size),
  reserve: (arena, size) => arena.reserve(size),
  'array of': (arena, size) => arena.array(Uint8Array, size),
};

for (const [name, act] of Object.entries(sized)) {
  test(`${name}: a size that is no number is a TypeError`, (t) => {
    for (const size of notNumbers) {
      const error = refusedAs(t, TypeError, (arena) => act(arena, size), inspect(size));
      t.regex(
        error.message,
        /^The "(size|bytes|length)" argument must be of type number\. Received /,
      );
    }
  });

  test(`${name}: a number that is no size is a RangeError`, (t) => {
    for (const size of notSizes) {
      const error = refusedAs(t, RangeError, (arena) => act(arena, size), inspect(size));
      t.regex(
        error.message,
        /^The value of "(size|bytes|length)" is out of range\. It must be an /,
      );
      t.true(error.message.endsWith(`Received ${inspect(size)}`));
    }
  });

  test(`${name}: a huge size is over the limit`, (t) => {
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
    refusedAs(t, TypeError, (arena) => arena.hold(value), inspect(value));
  }
  for (const value of [undefined, null, 'text', {}, [1], new ArrayBuffer(8)]) {
    refusedAs(t, TypeError, (arena) => arena.copyOut(value), inspect(value));
  }
});

test('a rewind to what is no checkpoint, or a stale one', (t) => {
  refusedAs(t, TypeError, (arena) => arena.rewind({}));
  const foreign = new Arena().checkpoint();
  t.is(refused(t, (arena) => arena.rewind(foreign)).code, 'ERR_RALLOC_STALE_CHECKPOINT');
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
  const reads = [];
  const options = new Proxy(
    { maxBytes: 1 << 20, safety: undefined, name: 'mine' },
    {
      get(target, key) {
        reads.push(key);
        return target[key];
      },
    },
  );
  const arena = new Arena(options);
  t.deepEqual(reads, ['maxBytes', 'safety', 'name']);
  const { limit, safety, name } = arena.stats();
  t.deepEqual({ limit, safety, name }, { limit: 1 << 20, safety: 'detach', name: 'mine' });
  arena.close();
});

test('the middleware refuses its options in the same way', (t) => {
  for (const options of [{ maxByte: 1 }, { property: 5 }, { maxBytes: 1 }, { context: 'yes' }, 5]) {
    t.throws(() => requestArena(options), { code: CODE }, inspect(options));
  }
});

test('a method on what is no arena is a TypeError', (t) => {
  for (const method of ['alloc', 'reset', 'scope', 'stats', 'close']) {
    t.throws(() => Arena.prototype[method].call({}, 1), { instanceOf: TypeError });
  }
  t.throws(() => Arena(), { instanceOf: TypeError });
});
