'use strict';
// tier: run-time, differs by Node

// A site, and perRequest, do what Buffer does, byte for byte and error for error, whichever memory they give.

const test = require('ava');
const { MAX_LENGTH } = require('node:buffer').constants;
const { fresh } = require('../helpers/fresh.js');
const { inRequest, named, withTable } = require('../helpers/site.js');

const text = 'grüße, 世界 \u{1F600} \ud800';
const bytes = Buffer.from(text);

const one = (arg) => [arg];
const then = (first) => (second) => [first, second];
const ab = () => new ArrayBuffer(8);

/** Method → lists of arguments. */
const CALLS = {
  alloc: [
    ...[0, 1, 100, 1.5, -1, Number.NaN, MAX_LENGTH + 1, '100', undefined, null, 100n].map(one),
    ...[Symbol.iterator, { valueOf: () => 100 }].map(one),
    ...[0, 7, 300, -1, 'ab', '', null, true, {}, bytes, Buffer.alloc(0)].map(then(100)),
    [100, new Uint8Array(0)],
    [0, Buffer.alloc(0)],
    [0, 'ab', 'none'],
    [100, 'ab', null],
    [100, 'YWI=', 'base64'],
    [100, 'zz', 'hex'],
    [100, 'ab', 'none'],
    [100, 'ab', 5],
  ],
  from: [
    ...['', text, bytes, new Uint8Array([1, 2, 3]), new Uint8Array(0), [1, 2, 300]].map(one),
    ...[new Uint16Array([1, 256, 3]), { length: 2, 0: 5, 1: 6 }, Object('abc')].map(one),
    ...[{ type: 'Buffer', data: [1, 2] }, 5, null, undefined, {}].map(one),
    ...['utf8', 'UTF-8', 'utf16le', 'ucs2', 'latin1', 'ascii', 'none', 5, null].map(then(text)),
    ['YWJj\nZGVm', 'base64'],
    ['YWJj-_', 'base64url'],
    ['61626', 'hex'],
    ['zz', 'hex'],
    [ab(), 2, 3],
    [ab(), 9],
  ],
  concat: [
    ...[[], [bytes], [bytes, new Uint8Array([1, 2])], [bytes, 'x'], [new Uint16Array(2)]].map(one),
    ...['x', undefined].map(one),
    ...[0, -1, 1.5, null, '5'].map(then([bytes])),
    [[], 10],
    [[bytes, bytes], 5],
    [[bytes, bytes], 500],
  ],
  allocUnsafe: [0, 100, 1.5, -1, '100', undefined, 100n, MAX_LENGTH + 1].map(one),
};

/** What a call gives, in words that can be compared. */
function outcome(owner, name, args) {
  try {
    const buffer = owner[name](...args);
    const isKnown = name !== 'allocUnsafe';
    return {
      type: buffer.constructor.name,
      length: buffer.length,
      hex: isKnown && buffer.toString('hex'),
    };
  } catch ({ name: type, code, message }) {
    return { type, code, message };
  }
}

const STRATEGIES = ['request', 'slab', 'region', 'leave', undefined];

for (const strategy of STRATEGIES) {
  test(`a site of ${strategy ?? 'no table'} does what Buffer does`, (t) => {
    const sites = strategy === undefined ? [] : [named('rows', strategy)];
    const ralloc = withTable(t, sites);
    const rows = ralloc.site('rows');
    const heldNow = () => ralloc.site.stats().slab?.held ?? 0;
    inRequest(ralloc, () => {
      for (const [name, lists] of Object.entries(CALLS)) {
        const before = heldNow();
        const expected = lists.map((args) => [args, outcome(Buffer, name, args)]);
        for (const [args, result] of expected) {
          t.deepEqual(outcome(rows, name, args), result, `${name} ${String(args[0])}`);
        }
        if (strategy !== 'slab' || !['alloc', 'from'].includes(name)) continue;
        const good = expected.filter(([args, result]) => isRouted(result, args)).length;
        t.is(heldNow() - before, good, 'what failed holds nothing');
      }
    });
    if (strategy !== 'region') t.is(ralloc.site.stats().region, null);
  });
}

test('perRequest does what Buffer does, in requests and outside', (t) => {
  const ralloc = fresh('index.js');
  const compare = () => {
    for (const [name, lists] of Object.entries(CALLS)) {
      for (const args of lists) {
        const [is, expected] = [ralloc.perRequest, Buffer].map((one) => outcome(one, name, args));
        t.deepEqual(is, expected, `${name} ${String(args[0])}`);
      }
    }
  };
  compare();
  inRequest(ralloc, compare);
  inRequest(ralloc, compare, { maxBytesPerRequest: 4096 });
});

const Sub = (names) => {
  const Other = class extends Uint8Array {};
  Object.defineProperties(Other.prototype, Object.getOwnPropertyDescriptors(names));
  return new Other([1, 2, 3, 4]);
};

/** Uint8Arrays of which versions of Node copy what they are asked for, or what there is, or nothing. */
const STRANGE = {
  detached() {
    const array = new Uint8Array(20);
    structuredClone(array.buffer, { transfer: [array.buffer] });
    return array;
  },
  'a Buffer that is detached'() {
    const buffer = Buffer.from(new ArrayBuffer(20));
    structuredClone(buffer.buffer, { transfer: [buffer.buffer] });
    return buffer;
  },
  shorter: () => Sub({ length: 3 }),
  longer: () => Sub({ length: 9 }),
  'of fewer bytes': () => Sub({ byteLength: 3 }),
  'that is a text': () => Sub({ valueOf: () => 'abc' }),
  'that is nothing': () => Sub({ valueOf: undefined }),
  'without a prototype': () => Object.setPrototypeOf(new Uint8Array(4), null),
  empty: () => new Uint8Array(0),
};

/** Those of which some versions show what was in the memory before. */
const SHOWN = new Set(['longer', 'without a prototype']);

test('of strange arrays, from() and concat() do what those of Buffer do', (t) => {
  const ralloc = withTable(t, [named('rows', 'slab')]);
  const x = Buffer.from('x');
  inRequest(ralloc, () => {
    for (const [what, make] of Object.entries(STRANGE)) {
      const calls = [
        ['from', () => [make()]],
        ['concat', () => [[make(), x]]],
        ['concat', () => [[x, make()]]],
        ['concat', () => [[make()]]],
        ['concat', () => [[make(), x], 3]],
      ];
      for (const owner of [ralloc.perRequest, ralloc.site('rows')]) {
        for (const [name, argsOf] of calls) {
          const [is, expected] = [owner, Buffer].map((one) => outcome(one, name, argsOf()));
          if (SHOWN.has(what)) for (const one of [is, expected]) delete one.hex;
          t.deepEqual(is, expected, `${name} ${what}`);
        }
      }
    }
  });
});

test('empty parts and subclasses are no reason to leave the request', (t) => {
  const ralloc = fresh('index.js');
  inRequest(ralloc, (arena) => {
    const parts = [new Uint8Array(0), Buffer.alloc(0), Sub({}), bytes.subarray(1)];
    t.true(arena.owns(ralloc.perRequest.concat(parts)));
    t.true(arena.owns(ralloc.perRequest.from(Sub({}))));
  });
});

test('perRequest gives Buffers of the request, and shares an ArrayBuffer', (t) => {
  const ralloc = fresh('index.js');
  const { perRequest } = ralloc;
  inRequest(ralloc, (arena) => {
    const list = [
      perRequest.allocUnsafe(10),
      perRequest.alloc(10),
      perRequest.alloc(10, 1),
      perRequest.from('text'),
      perRequest.from('YWJj', 'base64'),
      perRequest.from(bytes),
      perRequest.concat([bytes, bytes]),
    ];
    for (const buffer of list) t.true(arena.owns(buffer));
    const shared = new ArrayBuffer(8);
    t.is(perRequest.from(shared).buffer, shared);
  });
  t.false(new ralloc.Arena().owns(perRequest.allocUnsafe(10)));
});

for (const [what, options] of [
  ['its bytes', { maxBytesPerRequest: 1 << 20 }],
  ['its share of the heap', { maxBytes: 1 << 20, maxBytesPerRequest: 1 << 20, maxHeapBytes: 0 }],
  [
    'all of them, as an error',
    { maxBytes: 1 << 20, maxBytesPerRequest: 1 << 20, onOverflow: 'error' },
  ],
]) {
  test(`over the limit of a request, ${what}, perRequest and sites give Buffers of Node`, (t) => {
    const ralloc = withTable(t, [named('rows', 'request', { size: 16 << 20 })]);
    const most = 2 << 20;
    const act = (arena) => {
      for (const rows of [ralloc.perRequest, ralloc.site('rows')]) {
        t.true(arena.owns(rows.allocUnsafe(1000)));
        for (const buffer of [
          rows.allocUnsafe(most),
          rows.alloc(most),
          rows.alloc(most, 'ab'),
          rows.from('a'.repeat(most)),
          rows.from(Buffer.alloc(most)),
          rows.concat([Buffer.alloc(most), bytes]),
        ]) {
          t.true(buffer.length >= most);
          t.false(arena.owns(buffer));
        }
      }
    };
    t.truthy(inRequest(ralloc, act, options).exchange);
    t.is(ralloc.site('rows').stats().full, 6);
  });
}

/** Whether a call gives a Buffer of its own, by a way that is routed. */
function isRouted({ length }, [value]) {
  if (!(length > 0)) return false;
  if (typeof value === 'number') return Number.isInteger(value);
  return typeof value === 'string' || value instanceof Uint8Array;
}

test('lists whose getters change them are read once', (t) => {
  const ralloc = withTable(t, [named('rows', 'slab')]);
  const rows = ralloc.site('rows');
  let reads = 0;
  const list = [Buffer.from('a'), null];
  Object.defineProperty(list, 1, {
    get: () => {
      reads++;
      return Buffer.from(`${reads}`);
    },
  });
  t.is(rows.concat(list).toString(), 'a1');
  t.is(reads, 1);
});
