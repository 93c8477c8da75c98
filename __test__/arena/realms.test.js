'use strict';
// tier: run-time

// Other realms: values, functions and errors of a node:vm context, ralloc evaluated in one, and two copies of
// ralloc in a process.

const test = require('ava');
const { join } = require('node:path');
const vm = require('node:vm');
const ralloc = require('../..');
const { stamp, isStamped, isDead } = require('../helpers/bytes.js');
const { run } = require('../helpers/child.js');
const { install } = require('../helpers/installed.js');
const { globals, requireIn } = require('../helpers/realm.js');
const { closing } = require('../helpers/sources.js');

const { Arena, RallocError, backend } = ralloc;
const context = vm.createContext(globals());
const foreign = (code) => vm.runInContext(code, context);

test('options of another realm are read, and checked, as any others', (t) => {
  const arena = closing(t, foreign("({ maxBytes: 65536, name: 'foreign' })"));
  t.like(arena.stats(), { name: 'foreign', limit: 65536 });
  for (const options of ['[]', '({ maxByte: 1 })', '({ maxBytes: new Number(5) })']) {
    t.throws(() => new Arena(foreign(options)), { code: 'ERR_RALLOC_INVALID_ARGUMENT' }, options);
  }
});

test('bytes of another realm are copied in', (t) => {
  const arena = closing(t);
  const bytes = {
    'new Uint8Array([1, 2, 3])': [1, 2, 3],
    'new Uint8Array([1, 2, 3]).buffer': [1, 2, 3],
    'new Uint8Array(new SharedArrayBuffer(2))': [0, 0],
    'new SharedArrayBuffer(2)': [0, 0],
    'new Uint16Array([1, 256])': [1, 0],
    '[4, 5]': [4, 5],
    '({ length: 1, 0: 9 })': [9],
    "Object('ab')": [97, 98],
    "Buffer.from('ab').toJSON()": [97, 98],
    'class Mine extends Uint8Array {}; new Mine([7])': [7],
  };
  for (const [code, expected] of Object.entries(bytes)) {
    const buffer = arena.from(foreign(code));
    t.deepEqual([...buffer], expected, code);
    t.true(arena.owns(buffer), code);
  }
  const list = foreign('[new Uint8Array([1, 2]), Buffer.from([3]), new Uint8Array(2)]');
  t.deepEqual([...arena.concat(list)], [1, 2, 3, 0, 0]);
  t.deepEqual([...arena.concat(list, 2)], [1, 2]);
  t.throws(() => arena.concat(foreign('[[1]]')), { code: 'ERR_RALLOC_INVALID_ARGUMENT' });
});

test("what only resembles a typed array's constructor is refused, and not called; so is that of another realm", (t) => {
  const arena = closing(t);
  const impostors = [
    'Uint8Array',
    'Float64Array',
    'class Float64Array {}; Float64Array',
    '(class extends Float64Array {})',
    '(function Float64Array() { called = true; })',
    'Float64Array.bind(null)',
    'new Proxy(Float64Array, {})',
    'Object.getPrototypeOf(Float64Array)',
    'DataView',
    'ArrayBuffer',
    "Object.defineProperty(function () { called = true; }, 'name', { value: 'Float64Array' })",
    "Object.assign(() => {}, { toString: () => 'function Float64Array() { [native code] }' })",
    '({ BYTES_PER_ELEMENT: 8 })',
  ];
  for (const code of impostors) {
    t.throws(
      () => arena.array(foreign(`{ ${code} }`), 1),
      { code: 'ERR_RALLOC_INVALID_ARGUMENT' },
      code,
    );
  }
  t.false(foreign("'called' in globalThis"));
  t.is(arena.stats().allocated, 0);
});

test("views of another realm over an arena's memory are its own, and die with it", (t) => {
  const arena = closing(t);
  const buffer = stamp(arena.alloc(100), 1);
  const view = foreign('(ab, at, n) => new Uint8Array(ab, at, n)')(
    buffer.buffer,
    buffer.byteOffset,
    100,
  );
  t.true(arena.owns(view));
  t.true(isStamped(arena.copyOut(view), 1));
  t.throws(() => arena.scope((child) => new (foreign('Uint8Array'))(child.alloc(8).buffer)), {
    code: 'ERR_RALLOC_ESCAPED',
  });
  arena.reset();
  t.is(view.length, 0);
  t.false(arena.owns(view));
});

for (const [what, code, later] of [
  ['a promise', 'new Promise((resolve) => { settle = resolve; })', true],
  [
    'a rejected promise',
    'new Promise((_, reject) => { settle = () => reject(new Error("mine")); })',
    true,
  ],
  ['a thenable', '({ then(resolve) { settle = resolve; } })', true],
  ['a settled promise', 'Promise.resolve()', false],
]) {
  test(`hold() waits for ${what} of another realm`, async (t) => {
    const realm = vm.createContext(globals());
    realm.Promise = vm.runInContext('Promise', realm);
    const arena = closing(t);
    const buffer = stamp(arena.alloc(100), 1);
    const promise = vm.runInContext(`globalThis.settle = () => {}; ${code}`, realm);
    const held = arena.hold(promise);
    for (let i = 0; i < 3; i++) await null;
    arena.reset();
    t.is(isStamped(buffer, 1), later);
    realm.settle();
    if (what === 'a rejected promise') await t.throwsAsync(held, { any: true, message: 'mine' });
    else await held;
    t.true(isDead(buffer));
    t.is(arena.stats().memory.held, 0);
  });
}

test('a scope follows a promise of another realm', async (t) => {
  const arena = closing(t);
  let inner;
  const run = foreign(
    'async (arena, keep) => { keep(arena.alloc(10)); await null; return arena.alloc(5).length; }',
  );
  const promise = arena.scope((child) =>
    run(child, (buffer) => {
      inner = buffer;
    }),
  );
  t.is(inner.length, 10);
  t.is(await promise, 5);
  t.true(isDead(inner));
});

test('errors are known in another realm by their code and their brand', (t) => {
  const caught =
    foreign(`(arena, RallocError) => [() => arena.alloc(-1), () => arena.alloc(1e9)].map((act) => {
    try { return act(); } catch (error) { return [error.code, error instanceof RallocError]; }
  })`);
  const arena = closing(t);
  t.deepEqual(
    [...caught(arena, RallocError)].map((one) => [...one]),
    [
      ['ERR_RALLOC_INVALID_ARGUMENT', false],
      ['ERR_RALLOC_LIMIT', true],
    ],
  );
});

test('ralloc that is evaluated in another realm gives the same, and knows the errors of this one', async (t) => {
  const realm = vm.createContext(globals());
  const other = requireIn(realm, require.resolve('../..'));
  t.not(other.Arena, Arena);
  t.is(other.backend, backend);
  const arena = new other.Arena();
  const buffer = arena.concat([arena.from('of another '), Buffer.from('realm')]);
  t.true(Buffer.isBuffer(buffer));
  t.deepEqual(buffer, Buffer.from('of another realm'));
  const Type = vm.runInContext('Float64Array', realm);
  const its = arena.array(Type, 3);
  t.true(its instanceof Type);
  t.is(its.length, 3);
  t.throws(() => arena.array(Float64Array, 3), { code: 'ERR_RALLOC_INVALID_ARGUMENT' });
  const mark = arena.checkpoint();
  const since = arena.alloc(10);
  arena.rewind(mark);
  t.true(isDead(since));
  t.is(await arena.scope(async (child) => child.alloc(7).length), 7);
  const hold = arena.hold();
  arena.reset();
  t.is(buffer.length, 16);
  hold.release();
  t.true(isDead(buffer));
  const error = t.throws(() => arena.alloc(2 ** 40), { code: 'ERR_RALLOC_LIMIT' });
  t.true(error instanceof RallocError);
  t.true(t.throws(() => new Arena().alloc(2 ** 40)) instanceof other.RallocError);
  arena.close();
  t.throws(() => arena.alloc(1), { code: 'ERR_RALLOC_CLOSED' });
});

test('two installed copies of ralloc work side by side in a process', async (t) => {
  const copies = [install(t), install(t)].map((folder) => join(folder, 'node_modules', 'ralloc'));
  const { code, stderr, result } = await run('arena/two-copies.js', { args: copies });
  t.is(code, 0, stderr);
  t.deepEqual(result, {
    backends: [backend, backend],
    separate: true,
    branded: [true, true, true, true],
    mixed: true,
    given: [
      [true, false],
      [false, true],
    ],
    dead: [true, false],
    shared: true,
    warnings: [],
  });
});
