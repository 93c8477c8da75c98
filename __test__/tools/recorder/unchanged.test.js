'use strict';
// tier: tools

// The application does not find out that it is recorded: results, errors, names and lengths are Node's, and Error is as it was.

const { serial: test } = require('ava');
const fs = require('node:fs');
const { isAsyncFunction } = require('node:util').types;
const { Tally, record } = require('../../helpers/sums.js');
const { spawnSync } = require('node:child_process');
const { inspect } = require('node:util');
const { events } = require('../../../tools/recorder/events.js');

const NAMES = ['alloc', 'allocUnsafe', 'allocUnsafeSlow', 'from', 'concat'];
const shapeOf = (object, name) => {
  const { value, ...flags } = Object.getOwnPropertyDescriptor(object, name);
  const own = Object.getOwnPropertyNames(value).sort();
  return { name: value.name, length: value.length, own, ...flags };
};

test('names, lengths and keys are as before, and afterwards all is', (t) => {
  const before = NAMES.map((name) => Buffer[name]);
  const shapes = NAMES.map((name) => shapeOf(Buffer, name));
  const keys = Reflect.ownKeys(Buffer);
  const recorder = record(t);
  t.deepEqual(
    NAMES.map((name) => shapeOf(Buffer, name)),
    shapes,
  );
  t.deepEqual(Reflect.ownKeys(Buffer), keys);
  t.true(NAMES.every((name, i) => Buffer[name] !== before[i]));
  recorder.stop();
  t.deepEqual(
    NAMES.map((name) => Buffer[name]),
    before,
  );
});

test('fs.promises.readFile is an async function as before', async (t) => {
  record(t);
  t.true(isAsyncFunction(fs.promises.readFile));
  t.deepEqual(await fs.promises.readFile(__filename), fs.readFileSync(__filename));
  await t.throwsAsync(fs.promises.readFile(`${__filename}.none`), { code: 'ENOENT' });
});

test('results are the same', (t) => {
  const ab = new Uint8Array([1, 2, 3]).buffer;
  const calls = [
    () => Buffer.alloc(3),
    () => Buffer.alloc(3, 'ab'),
    () => Buffer.alloc(3, 'YQ==', 'base64'),
    () => Buffer.alloc(3, 7).equals(Buffer.allocUnsafe(3).fill(7)),
    () => Buffer.from('YWI=', 'base64'),
    () => Buffer.from(ab, 1, 1),
    () => Buffer.from([1, 2, 300]),
    () => Buffer.from({ type: 'Buffer', data: [1] }),
    () => Buffer.from(new String('s')),
    () => Buffer.from(Buffer.from('x')),
    () => Buffer.concat([Buffer.from('a'), Buffer.from('b')], 1),
    () => Buffer.concat([]),
    () => Buffer.allocUnsafeSlow(0),
  ];
  const plain = calls.map((call) => call());
  record(t);
  t.deepEqual(
    calls.map((call) => call()),
    plain,
  );
});

const mistakes = [
  () => Buffer.alloc(-1),
  () => Buffer.alloc('1'),
  () => Buffer.alloc(1, '', 'none'),
  () => Buffer.allocUnsafe(Number.NaN),
  () => Buffer.allocUnsafeSlow(2 ** 60),
  () => Buffer.from(1),
  () => Buffer.from(),
  () => Buffer.concat('x'),
  () => Buffer.concat([1]),
];

test('errors are the same', (t) => {
  const of = (mistake) => {
    const { name, message, code } = t.throws(mistake, { any: true });
    return { name, message, code };
  };
  const plain = mistakes.map(of);
  record(t);
  t.deepEqual(mistakes.map(of), plain);
});

const stackOf = () => new Error('of the test').stack;
const linesOf = (text) => String(text).replace(/:\d+:\d+/g, '');

for (const [name, set] of Object.entries({
  'a prepareStackTrace': () => {
    Error.prepareStackTrace = (error, sites) => `${error.message} ${sites.length}`;
  },
  'a getter of prepareStackTrace': () => {
    Object.defineProperty(Error, 'prepareStackTrace', {
      get: () => (_error, sites) => `got ${sites.length}`,
      configurable: true,
    });
  },
  'a stackTraceLimit of 2': () => {
    Error.stackTraceLimit = 2;
  },
  'a stackTraceLimit of 0': () => {
    Error.stackTraceLimit = 0;
  },
  'no stackTraceLimit': () => {
    delete Error.stackTraceLimit;
  },
})) {
  test(`${name} stays, and samples have their stacks`, (t) => {
    const own = Object.getOwnPropertyDescriptors(Error);
    t.teardown(() => {
      delete Error.prepareStackTrace;
      for (const key of ['prepareStackTrace', 'stackTraceLimit'])
        if (own[key]) Object.defineProperty(Error, key, own[key]);
    });
    set();
    const after = Object.getOwnPropertyDescriptors(Error);
    const recorder = record(t);
    const plain = stackOf();
    Buffer.alloc(1000);
    t.deepEqual(Object.getOwnPropertyDescriptors(Error), after);
    t.is(linesOf(stackOf()), linesOf(plain));
    recorder.stop();
    const [site] = recorder.take().sites.filter(({ frames }) => frames[0]?.file === __filename);
    t.is(site.source, 'Buffer.alloc');
  });
}

test('at the end of the stack the Buffer is made, or the error is the usual one', (t) => {
  record(t);
  let made = 0;
  const deeper = () => {
    Buffer.alloc(100);
    made++;
    deeper();
  };
  t.throws(deeper, { instanceOf: RangeError });
  t.true(made > 100);
  t.is(Buffer.alloc(3).length, 3);
});

test('a function that the application has replaced before is called as it was', (t) => {
  const { alloc } = Buffer;
  t.teardown(() => {
    Buffer.alloc = alloc;
  });
  const seen = [];
  Buffer.alloc = function mine(...args) {
    seen.push(args);
    return alloc.apply(this, args);
  };
  const mine = Buffer.alloc;
  const recorder = record(t);
  Buffer.alloc(5);
  t.deepEqual(seen, [[5]]);
  recorder.stop();
  t.is(Buffer.alloc, mine);
});

test('one that it replaces later stays, and is called', (t) => {
  const { alloc } = Buffer;
  t.teardown(() => {
    Buffer.alloc = alloc;
  });
  const recorder = record(t);
  const wrapped = Buffer.alloc;
  const mine = (size) => wrapped(size).fill(1);
  Buffer.alloc = mine;
  recorder.stop();
  t.is(Buffer.alloc, mine);
  t.deepEqual(Buffer.alloc(2), Buffer.from([1, 1]));
});

// Typed arrays and ArrayBuffers are seen where that is asked for, and look as they did.

class Heir extends Float32Array {}

const makers = {
  ArrayBuffer: () => new ArrayBuffer(1000),
  Uint8Array: () => new Uint8Array(1000),
  Float64Array: () => Float64Array.from({ length: 125 }),
  BigInt64Array: () => new BigInt64Array(125),
  Uint16Array: () => new Uint16Array(new Uint16Array(0).buffer.byteLength + 500),
};

for (const [source, make] of Object.entries(makers)) {
  test(`${source}: its bytes, by its line`, (t) => {
    const recorder = record(t, { typedArrays: true });
    make();
    const tally = new Tally(recorder.take());
    const sites = tally.at(__filename);
    t.deepEqual(
      sites.map(({ id, source }) => [source, tally.of(id, events.BORN).bytes]),
      [[source, 1000]],
    );
  });
}

test('views, and what V8 has on its heap, are none', (t) => {
  const ab = new ArrayBuffer(1000);
  const recorder = record(t, { typedArrays: true });
  new Uint8Array(ab, 1, 2);
  new Float32Array(ab);
  new DataView(ab);
  new Uint8Array(64);
  new Uint8Array(100).subarray(1);
  const tally = new Tally(recorder.take());
  t.is(tally.at(__filename).length, 1);
});

test('without the option nothing is seen, and nothing replaced', (t) => {
  const { Uint8Array: original } = globalThis;
  const recorder = record(t, { typedArrays: false });
  t.is(Uint8Array, original);
  new Uint8Array(1000);
  t.deepEqual(new Tally(recorder.take()).at(__filename), []);
});

test('a Buffer is counted once', (t) => {
  const recorder = record(t, { typedArrays: true });
  Buffer.alloc(100_000);
  const tally = new Tally(recorder.take());
  const sites = tally.at(__filename);
  t.deepEqual(
    sites.map(({ id, source }) => [source, tally.of(id, events.BORN).bytes]),
    [['Buffer.alloc', 100_000]],
  );
});

test('classes look as they did, and are themselves afterwards', (t) => {
  const look = () => {
    const array = new Uint8Array(3);
    return [
      inspect(array),
      array.constructor === Uint8Array,
      array instanceof Uint8Array,
      array.slice(1) instanceof Uint8Array,
      array.slice(1).constructor === Uint8Array,
      Uint8Array.name,
      Uint8Array.length,
      Uint8Array.BYTES_PER_ELEMENT,
      Uint8Array.of(1, 2).join(),
      Buffer.alloc(1) instanceof Uint8Array,
      new Heir(2) instanceof Heir,
      new Heir(2).map((x) => x + 1) instanceof Heir,
      ArrayBuffer.isView(array),
      new ArrayBuffer(8).slice(4).byteLength,
      structuredClone(array).constructor === Uint8Array,
      Object.prototype.toString.call(array),
      Object.keys(globalThis).includes('Uint8Array'),
    ];
  };
  const { Uint8Array: original } = globalThis;
  const plain = look();
  const recorder = record(t, { typedArrays: true });
  t.not(Uint8Array, original);
  t.deepEqual(look(), plain);
  t.throws(() => Reflect.apply(Uint8Array, undefined, [1]), { instanceOf: TypeError });
  t.throws(() => new Uint8Array(-1), { instanceOf: RangeError });
  recorder.stop();
  t.is(Uint8Array, original);
  t.deepEqual(look(), plain);
});

const FROZEN = `
  const { Recorder } = require(${JSON.stringify(require.resolve('../../../tools/recorder/recorder.js'))});
  const recorder = new Recorder({ rate: 1, typedArrays: true });
  recorder.start();
  Buffer.alloc(1000);
  new Uint8Array(1000);
  const { sites } = recorder.take();
  recorder.stop();
  console.log(sites.map(({ source, frames }) => source + ' ' + (frames[0].line > 0)).join());
`;

test('frozen intrinsics are left, and the rest is seen', (t) => {
  const args = ['--frozen-intrinsics', '--no-warnings', '-e', FROZEN];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  t.is(stderr, '');
  t.true(stdout.includes('Buffer.alloc true'), stdout);
});
