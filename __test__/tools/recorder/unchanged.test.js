'use strict';
// tier: tools

// The application does not find out that it is recorded: results, errors, names and lengths are Node's, and Error is as it was.

const { serial: test } = require('ava');
const fs = require('node:fs');
const { isAsyncFunction } = require('node:util').types;
const { Recorder } = require('../../../tools/recorder/recorder.js');
const { record } = require('../../helpers/tally.js');

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

test('a second recorder may not run beside one', (t) => {
  record(t);
  t.throws(() => new Recorder().start(), { message: /runs in this thread/ });
});
