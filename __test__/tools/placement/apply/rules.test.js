'use strict';
// tier: tools

// Which calls `ralloc apply` changes, and which it leaves, by what stands around them.

const test = require('ava');
const { folder } = require('../../../helpers/folder.js');
const { LINE, MOUNT, PROVED, applied, plan, planned } = require('../../../helpers/planned.js');

test('a call in a request becomes one of its arena, and of Buffer outside of one', (t) => {
  const { text, changes, left, suggestions } = applied(
    t,
    'exports.f = (n) => Buffer.allocUnsafe(n);\n',
  );
  t.is(text, `${LINE}\n\nexports.f = (n) => perRequest.allocUnsafe(n);\n`);
  t.deepEqual(changes, [
    'app.js:1:27 make: from the arena of its request: of 4,000 samples none outlived it',
  ]);
  t.deepEqual([left, suggestions.length], [[], 1]);
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
  [
    "f('Buffer.allocUnsafe(1)');",
    'Buffer.allocUnsafe(',
    'no call of Buffer.allocUnsafe stands there',
  ],
  [
    '// Buffer.allocUnsafe(1)\nf();',
    'Buffer.allocUnsafe(',
    'no call of Buffer.allocUnsafe stands there',
  ],
  [
    'f(`Buffer.allocUnsafe(1)`);',
    'Buffer.allocUnsafe(',
    'no call of Buffer.allocUnsafe stands there',
  ],
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

test('--alloc also changes Buffer.alloc', (t) => {
  const { text } = applied(t, 'exports.f = (n) => Buffer.alloc(n, 1);\n', {
    call: 'Buffer.alloc(',
    isAlloc: true,
  });
  t.true(text.endsWith('exports.f = (n) => perRequest.alloc(n, 1);\n'));
});

test('what Node has a pool for stays, but with --any-size', (t) => {
  const half = Buffer.poolSize >>> 1;
  const source = 'exports.f = (n) => Buffer.allocUnsafe(n);\n';
  const small = applied(t, source, { site: { size: half } });
  t.is(small.text, undefined);
  t.true(
    small.left[0].endsWith(
      `most of its Buffers have ${half} bytes or less, for which Node has a pool`,
    ),
  );
  t.truthy(applied(t, source, { site: { size: half + 1 } }).text);
  t.truthy(applied(t, source, { site: { size: half }, isAnySize: true }).text);
});

test('with fewer samples than prove it, or with an exception, it is a suggestion', (t) => {
  const source = 'exports.f = (n) => Buffer.allocUnsafe(n);\n';
  const few = applied(t, source, { site: { samples: 2999 } });
  t.is(few.text, undefined);
  t.deepEqual(few.suggestions, [
    'app.js:1:27 make: perRequest.allocUnsafe() would fit by 2,999 samples. 3,000 prove it: record longer',
  ]);
  t.truthy(applied(t, source, { site: { samples: 3000 } }).text);
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
