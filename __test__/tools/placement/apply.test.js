'use strict';
// tier: tools

// Which calls `ralloc apply` changes, and which it leaves, by what stands around them and by what else the file does: Buffer may be another one there, or a
// Buffer of an arena be told from one of Node's.

const test = require('ava');
const { folder } = require('../../helpers/folder.js');
const { LINE, MOUNT, PROVED, applied, plan, planned } = require('../../helpers/planned.js');

const PLAIN = 'exports.f = (n) => Buffer.allocUnsafe(n);\n';

test('a call in a request becomes one of its arena, and of Buffer outside of one', (t) => {
  const { text, changes, left, suggestions } = applied(t, PLAIN);
  t.is(text, `${LINE}\n\nexports.f = (n) => perRequest.allocUnsafe(n);\n`);
  t.deepEqual(changes, [
    'app.js:1:27 make: from the arena of its request: of 4,000 samples none outlived it',
  ]);
  t.deepEqual(left, []);
  const context =
    'perRequest takes the arena of current(), which needs requestArena({ context: true }). Without it these Buffers are what they were';
  t.deepEqual(suggestions, [context], 'told once');
});

for (const [text, call, why] of [
  [
    'f(Buffer.allocUnsafeSlow(n));',
    'Buffer.allocUnsafeSlow(',
    'allocUnsafeSlow() says that it is to live long',
  ],
  ['f(Buffer.alloc(n));', 'Buffer.alloc(', 'Buffer.alloc is changed with --alloc alone'],
  ['f(Buffer.of(1));', 'Buffer.of(', 'an arena has no of()'],
  [
    'f(Buffer?.allocUnsafe(1));',
    'Buffer?.allocUnsafe(',
    'it is not written as Buffer.allocUnsafe(…)',
  ],
  [
    'f(Buffer.allocUnsafe?.(1));',
    'Buffer.allocUnsafe?.(',
    'it is not written as Buffer.allocUnsafe(…)',
  ],
  ...[
    "f('Buffer.allocUnsafe(1)');",
    '// Buffer.allocUnsafe(1)\nf();',
    'f(`Buffer.allocUnsafe(1)`);',
  ].map((text) => [text, 'Buffer.allocUnsafe(', 'no call of Buffer.allocUnsafe stands there']),
  ['f(Buffer.allocUnsafe);', 'Buffer.allocUnsafe', 'no call of Buffer.allocUnsafe stands there'],
  [
    'f(1);f(Buffer.from(x));\n//# sourceMappingURL=app.js.map',
    'Buffer.from(',
    'a compiler made the file. Change what it was made of',
  ],
]) {
  test(`it stays: ${text}`, (t) => {
    const source = /Buffer\??\.\w+/.exec(call)[0].replace('?', '');
    const result = applied(t, `${text}\n`, { call, site: { source } });
    t.is(result.text, undefined);
    t.is(result.left.length, 1);
    t.true(result.left[0].endsWith(`: left: ${why}`), result.left[0]);
  });
}

for (const [text, call = 'Buffer.allocUnsafe('] of [
  ['f(Buffer.allocUnsafe());'],
  ['f(Buffer.allocUnsafe(...x));'],
  ['f(Buffer.allocUnsafe(1, 2));'],
  ['exports.f = (n) => Buffer.allocUnsafe(n / 2);'],
  ['exports.f = (n, s = n / 3) => Buffer.allocUnsafe(s);'],
  ['exports.f = async (n) => Buffer.allocUnsafe(await n);'],
  ['f()\nBuffer.allocUnsafe(9).copy(b)'],
  ['exports.f = (a, b, c) => Buffer.from(a, b, c);', 'Buffer.from('],
  ['exports.f = (a) => Buffer.from(a, null);', 'Buffer.from('],
  ['const a = new ArrayBuffer(9);\nf(Buffer.from(a));', 'Buffer.from('],
  ['exports.f = ({ x }) => Buffer.from(x ?? `none`);', 'Buffer.from('],
]) {
  test(`it changes, whatever its arguments are: ${text}`, (t) => {
    const { text: now, left } = applied(t, `${text}\n`, { call });
    t.is(now, `${LINE}\n\n${text.replace('Buffer.', 'perRequest.')}\n`);
    t.deepEqual(left, []);
  });
}

const CALL = 'f(Buffer.allocUnsafe(1));';
const OTHER = "Buffer is another one than Node's";
const GIVEN = 'Buffer is given away';
const CHANGED = 'Buffer is changed';

for (const [text, why, line = 2] of [
  ['exports.f = (Buffer) => Buffer.allocUnsafe(1);', OTHER, 1],
  ['exports.f = () => {\n  const Buffer = other;\n  return Buffer.allocUnsafe(1);\n};', OTHER],
  ['const { a: [Buffer = 1] } = x;\nexports.f = () => Buffer.allocUnsafe(1);', OTHER, 1],
  ['function Buffer() {}\nexports.f = () => Buffer.allocUnsafe(1);', OTHER, 1],
  ['class Buffer {}\nexports.f = () => Buffer.allocUnsafe(1);', OTHER, 1],
  ['try {} catch (Buffer) {\n  Buffer.allocUnsafe(1);\n}', OTHER, 1],
  ["const { Buffer } = require('safe-buffer');\nf(Buffer.allocUnsafe(1));", OTHER, 1],
  ["const { SlowBuffer: Buffer } = require('buffer');\nf(Buffer.allocUnsafe(1));", OTHER, 1],
  ['function g(Buffer) {}\nexports.f = () => Buffer.allocUnsafe(1);', OTHER, 1],
  ['with (x) f(Buffer.allocUnsafe(1));', '"with" may hide Buffer', 1],
  [
    'exports.f = (x) => {\n  eval(x);\n  return Buffer.allocUnsafe(1);\n};',
    'eval() may hide Buffer',
  ],
  ['Buffer = other;', CHANGED],
  ['Buffer.allocUnsafe = mine;', CHANGED],
  ['globalThis.Buffer = mine;', CHANGED],
  ["globalThis['Buffer'] = mine;", CHANGED],
  ['global.Buffer.from = from;', CHANGED],
  ['globalThis.Buffer.from = from;', CHANGED],
  ["require('buffer').Buffer.from = from;", CHANGED],
  ['({ from: Buffer.from } = x);', CHANGED],
  ['[Buffer.from = 1] = x;', CHANGED],
  ['[...Buffer.from] = x;', CHANGED],
  ['for (Buffer.from of x);', CHANGED],
  ['for (Buffer.from in x);', CHANGED],
  ['delete Buffer.from;', CHANGED],
  ['Buffer.poolSize++;', CHANGED],
  ['Object.assign(globalThis, { Buffer: mine });', CHANGED],
  ["Object.defineProperty(globalThis, 'Buffer', {});", CHANGED],
  ['Reflect.set(globalThis, `Buffer`, mine);', CHANGED],
  ["Object.defineProperty(Buffer, 'from', {});", GIVEN],
  ['Object.assign(Buffer, { from });', GIVEN],
  ["Reflect.set(Buffer, 'from', from);", GIVEN],
  ['const B = Buffer;', GIVEN],
  ['const B = globalThis.Buffer;', GIVEN],
  ["const B = require('buffer').Buffer;", GIVEN],
  ["const { Buffer: B } = require('buffer');", GIVEN],
  ['const x = { Buffer };', GIVEN],
  ['const x = { B: Buffer };', GIVEN],
  ['const { from, ...rest } = Buffer;', GIVEN],
  ['const g = (B = Buffer) => B;', GIVEN],
  ['const g = () => Buffer;', GIVEN],
  ['patch(x || Buffer);', GIVEN],
  ['f(x.buffer);', '.buffer is read'],
  ["f(x['buffer']);", '.buffer is read'],
  ['f(x[`buffer`]);', '.buffer is read'],
  ['f(x?.byteOffset);', '.byteOffset is read'],
  ['const { buffer } = x;', '.buffer is read'],
  ['const g = ({ byteOffset: x }) => x;', '.byteOffset is read'],
  ["Reflect.get(x, 'buffer');", '.buffer is read'],
  ['Reflect.get(x, `byteOffset`);', '.byteOffset is read'],
  ['const { [`buffer`]: y } = x;', '.buffer is read'],
  ['const b = Buffer.from(x);f(b.parent);', '.parent is read'],
  ['let b;b = Buffer.from(x);f(b.offset);', '.offset is read'],
  ['const b = Buffer.from(x);const { offset } = b;', '.offset is read'],
  ['f(Buffer.from(x).parent);', '.parent is read'],
  ['const { parent } = Buffer.from(x);', '.parent is read'],
  ['port.postMessage(x);', 'postMessage() is called'],
  ['structuredClone(x);', 'structuredClone() is called'],
  ['x.transfer();', 'transfer() moves memory'],
  ['g({ transferList: [] });', '"transferList" may move memory'],
]) {
  test(`a file stays where Buffer may be another one, or what is behind it is read: ${text}`, (t) => {
    const result = applied(t, text.includes('Buffer.allocUnsafe(') ? text : `${CALL}\n${text}\n`);
    t.is(result.text, undefined);
    t.is(result.left.length, 1);
    t.true(result.left[0].endsWith(`: left: ${why} in line ${line}`), result.left[0]);
  });
}

for (const text of [
  'f(x instanceof Buffer, x.constructor === Buffer);',
  "f(typeof Buffer !== 'undefined' && Buffer.isBuffer(x));",
  'f(Buffer && Buffer.isBuffer(x), Buffer ? 1 : 2);',
  'if (Buffer) f();',
  'switch (x) {\n  case Buffer:\n}',
  'const { from, alloc } = Buffer;',
  'const g = Buffer.from.bind(Buffer.prototype);',
  'const g = x.Buffer.from;',
  'f({ Buffer: 1 }, x.set(1, 2));',
  'f(Buffer.name, Buffer[x], new Buffer(1));',
  'f(x.parent, x.offset);',
  'const { parent } = x;',
  'f({ parent: 1 }, `buffer`);',
]) {
  test(`a file is changed where Buffer is only looked at: ${JSON.stringify(text)}`, (t) => {
    const result = applied(t, `${CALL}\n${text}\n`);
    t.deepEqual(result.left, []);
    t.is(result.text, `${LINE}\n\n${CALL.replace('Buffer', 'perRequest')}\n${text}\n`);
  });
}

for (const head of [
  "const { Buffer } = require('node:buffer');",
  "const Buffer = require('buffer').Buffer;",
  "const { buffer } = require('node:stream/consumers');",
  "const { kMaxLength } = require('node:buffer');",
]) {
  test(`Buffer is Node's: ${head}`, (t) => {
    const { text } = applied(t, `${head}\n${PLAIN}`);
    t.is(text, `${LINE}\n${head}\n${PLAIN.replace('Buffer', 'perRequest')}`);
  });
}

test('a module of ES may give Buffer of node:buffer on', (t) => {
  const text = `import { Buffer } from 'node:buffer';\nexport { Buffer };\n${CALL}\n`;
  t.true(applied(t, text).text.includes('f(perRequest.allocUnsafe(1));'));
});

test('--alloc also changes Buffer.alloc', (t) => {
  const { text } = applied(t, 'exports.f = (n) => Buffer.alloc(n, 1);\n', {
    call: 'Buffer.alloc(',
    isAlloc: true,
  });
  t.true(text.endsWith('exports.f = (n) => perRequest.alloc(n, 1);\n'));
});

test('what Node has a pool for stays, but with --any-size', (t) => {
  const half = Buffer.poolSize >>> 1;
  const small = applied(t, PLAIN, { site: { size: half } });
  t.is(small.text, undefined);
  t.true(
    small.left[0].endsWith(
      `most of its Buffers have ${half} bytes or less, for which Node has a pool`,
    ),
  );
  t.truthy(applied(t, PLAIN, { site: { size: half + 1 } }).text);
  t.truthy(applied(t, PLAIN, { site: { size: half }, isAnySize: true }).text);
});

test('with fewer samples than prove it it is a suggestion', (t) => {
  const few = applied(t, PLAIN, { site: { samples: 2999 } });
  t.is(few.text, undefined);
  t.deepEqual(few.suggestions, [
    'app.js:1:27 make: perRequest.allocUnsafe() would fit by 2,999 samples. 3,000 prove it: record with a smaller --rate, or for longer',
  ]);
  t.truthy(applied(t, PLAIN, { site: { samples: 3000 } }).text);
});

test('calls inside of calls, and several in a line', (t) => {
  const dir = folder(t);
  const text = 'exports.f = (n) => Buffer.concat([Buffer.from(n.join()), Buffer.from([n])]);\n';
  const site = { file: 'app.js', ...PROVED };
  plan(dir, { 'app.js': text, 'mount.js': MOUNT }, [
    { ...site, call: 'Buffer.concat(' },
    { ...site, call: 'Buffer.from(' },
    { ...site, call: 'Buffer.from(', nth: 1 },
  ]);
  const { texts } = planned(dir);
  t.is(texts['app.js'], `${LINE}\n\n${text.replaceAll('Buffer', 'perRequest')}`);
});

for (const [what, text, site, told] of [
  [
    'what is let go somewhere belongs in a slab',
    'c.set(k, Buffer.from(x));\nc.delete(k);\n',
    {},
    /: belongs in a slab, which somebody frees\. The free belongs where it is let go: delete\(\), clear\(\), shift\(\) of what holds it, or a new value in its place$/,
  ],
  [
    'what lives long belongs in a region',
    'c.set(k, Buffer.from(x));\n',
    { ms: 20_000 },
    /: belongs in a region, which /,
  ],
]) {
  test(what, (t) => {
    const call = { call: 'Buffer.from(', site: { samples: 100, inRequest: false, ...site } };
    const { suggestions, texts } = applied(t, text, call);
    t.deepEqual(texts, {});
    t.is(suggestions.length, 1);
    t.regex(suggestions[0], told);
  });
}
