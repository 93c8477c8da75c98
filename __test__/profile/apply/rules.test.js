'use strict';
// tier: tools

// Which calls `ralloc apply` changes, and which it leaves, by what stands around them.

const test = require('ava');
const { folder } = require('../../helpers/folder.js');
const { LINE, MOUNT, PROVED, applied, plan, planned } = require('../../helpers/planned.js');

const MAY_SHARE =
  "it may be given an ArrayBuffer, of which an arena makes a copy. With an encoding, as 'utf8', it is a text";

test('a call in a request becomes one of its arena, and of Buffer outside of one', (t) => {
  const { text, changes, left, suggestions } = applied(
    t,
    'exports.f = (n) => Buffer.allocUnsafe(n);\n',
  );
  t.is(text, `${LINE}\n\nexports.f = (n) => (current() ?? Buffer).allocUnsafe(n);\n`);
  t.deepEqual(changes, [
    'app.js:1:27 make: from the arena of its request: of 4,000 samples none outlived it',
  ]);
  t.deepEqual([left, suggestions], [[], []]);
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
    'f(Buffer.allocUnsafe(...x));',
    'Buffer.allocUnsafe(',
    "its arguments are not those of an arena's allocUnsafe()",
  ],
  [
    'f(Buffer.allocUnsafe(1, 2));',
    'Buffer.allocUnsafe(',
    "its arguments are not those of an arena's allocUnsafe()",
  ],
  ['f(Buffer.from(a, b, c));', 'Buffer.from(', "its arguments are not those of an arena's from()"],
  ['f(Buffer.from(a, null));', 'Buffer.from(', 'its encoding is no text, which an arena refuses'],
  ['const a = new ArrayBuffer(9);\nf(Buffer.from(a));', 'Buffer.from(', MAY_SHARE],
  ['exports.f = (x) => Buffer.from(x);', 'Buffer.from(', MAY_SHARE],
  ['exports.f = (x, y) => Buffer.from(x, y);', 'Buffer.from(', MAY_SHARE],
  ['exports.f = ({ x }) => Buffer.from(x);', 'Buffer.from(', MAY_SHARE],
  [
    'let a = `1`;\nexports.set = (x) => (a = x);\nexports.f = () => Buffer.from(a);',
    'Buffer.from(',
    MAY_SHARE,
  ],
  ['exports.f = (x) => Buffer.from(x ?? `none`);', 'Buffer.from(', MAY_SHARE],
  ['exports.f = (x) => Buffer.from(x ? x.toString() : x);', 'Buffer.from(', MAY_SHARE],
  ['f()\nBuffer.from(a).copy(b)', 'Buffer.from(', 'its statement begins with it'],
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

for (const [size, isParted] of [
  ['n', false],
  ['n * 3', false],
  ['n / 2', true],
  ['(n * 4) / 3 + 2', true],
  ['Math.ceil(n / 2)', false],
  ['(n / 2) | 0', false],
  ['n / 2 >>> 0', false],
  ['1.5', true],
  ['n * 1.5', true],
  ['n ** 2', true],
  ['Math.random() * 10', true],
  ['Math.floor(Math.random() * 10)', false],
  ['Math.max(1, n / 2)', true],
  ['x ? n / 2 : 1', true],
  ['half', true],
  ['whole', false],
  ['less', true],
  ['parts.length', false],
]) {
  test(`a size that may be no integer stays: ${size}`, (t) => {
    const text = [
      'exports.f = (n, x, less, parts) => {',
      '  const half = n / 2;',
      '  const whole = Math.round(half);',
      '  less /= 2;',
      `  return Buffer.allocUnsafe(${size}, half, whole);`.replace(', half, whole', ''),
      '};',
    ];
    const result = applied(t, `${text.join('\n')}\n`);
    t.is(result.text === undefined, isParted);
    t.is(
      result.left.some((line) => line.includes('may be no integer')),
      isParted,
    );
  });
}

test('--alloc also changes Buffer.alloc', (t) => {
  const { text } = applied(t, 'exports.f = (n) => Buffer.alloc(n, 1);\n', {
    call: 'Buffer.alloc(',
    isAlloc: true,
  });
  t.true(text.endsWith('exports.f = (n) => (current() ?? Buffer).alloc(n, 1);\n'));
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

test("what may be more than a request's arena gives stays", (t) => {
  const MiB = 1024 * 1024;
  const source = 'exports.f = (n) => Buffer.allocUnsafe(n);\n';
  t.truthy(applied(t, source, { site: { size: 16 * MiB } }).text);
  const { text, left } = applied(t, source, { site: { size: 17 * MiB } });
  t.is(text, undefined);
  t.regex(left[0], /33,554,432 bytes may be more than a request's arena gives$/);
  const limited = `const { requestArena } = require('ralloc');
requestArena({ context: true, maxBytesPerRequest: 4 * 1024 * 1024 });
${source}`;
  t.truthy(applied(t, limited, { site: { size: 4 * MiB } }).text);
  t.is(applied(t, limited, { site: { size: 5 * MiB } }).text, undefined);
});

test('with fewer samples than prove it, or with an exception, it is a suggestion', (t) => {
  const source = 'exports.f = (n) => Buffer.allocUnsafe(n);\n';
  const few = applied(t, source, { site: { samples: 2999 } });
  t.is(few.text, undefined);
  t.deepEqual(few.suggestions, [
    'app.js:1:27 make: (current() ?? Buffer).allocUnsafe() would fit by 2,999 samples. 3,000 prove it: record longer',
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
  t.is(texts['app.js'], `${LINE}\n\n${text.replaceAll('Buffer', '(current() ?? Buffer)')}`);
});

for (const value of [
  "'a'",
  '`a`',
  '[1, 2]',
  'x + y',
  'JSON.stringify(x)',
  'x.toString()',
  'String(x)',
  "x, 'latin1'",
  "x ? 'a' : `b`",
  "(x.a && 'a')",
  'TEXT',
]) {
  test(`from() of what is no ArrayBuffer by its source changes: ${value}`, (t) => {
    const source = `const TEXT = ['a', 'b'].join();\nexports.f = (x) => Buffer.from(${value});\n`;
    const { text } = applied(t, source, { site: { call: 'Buffer.from(' } });
    if (value.startsWith('(x.a')) t.is(text, undefined);
    else t.true(text?.includes('(current() ?? Buffer).from('), text);
  });
}
