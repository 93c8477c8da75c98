'use strict';
// tier: tools

// Files that `ralloc apply` leaves as they are: Buffer may be another one there, or a Buffer of an arena be told from one of Node's.

const test = require('ava');
const { LINE, applied } = require('../../../helpers/planned.js');

for (const [what, text] of [
  ['a parameter', 'exports.f = (Buffer) => Buffer.allocUnsafe(1);'],
  [
    'a variable',
    'exports.f = () => {\n  const Buffer = other;\n  return Buffer.allocUnsafe(1);\n};',
  ],
  [
    'a part of a pattern',
    'const { a: [Buffer = 1] } = x;\nexports.f = () => Buffer.allocUnsafe(1);',
  ],
  ['a function', 'function Buffer() {}\nexports.f = () => Buffer.allocUnsafe(1);'],
  ['a class', 'class Buffer {}\nexports.f = () => Buffer.allocUnsafe(1);'],
  ['a caught error', 'try {} catch (Buffer) {\n  Buffer.allocUnsafe(1);\n}'],
  ['of another module', "const { Buffer } = require('safe-buffer');\nf(Buffer.allocUnsafe(1));"],
  [
    'of the right module by another name',
    "const { SlowBuffer: Buffer } = require('buffer');\nf(Buffer.allocUnsafe(1));",
  ],
  [
    'in another function of the file',
    'function g(Buffer) {}\nexports.f = () => Buffer.allocUnsafe(1);',
  ],
]) {
  test(`Buffer is another one: ${what}`, (t) => {
    const result = applied(t, text);
    t.is(result.text, undefined);
    t.is(result.left.length, 1);
    t.regex(
      result.left[0],
      /^app\.js:\d+:\d+ make: left: Buffer is another one than Node's in line \d+$/,
    );
  });
}

for (const [what, text, why] of [
  ['assigned', 'Buffer = other;\nf(Buffer.allocUnsafe(1));', 'Buffer is changed in line 1'],
  [
    'patched',
    'Buffer.allocUnsafe = mine;\nf(Buffer.allocUnsafe(1));',
    'Buffer is changed in line 1',
  ],
  [
    'replaced',
    'globalThis.Buffer = mine;\nf(Buffer.allocUnsafe(1));',
    'Buffer is changed in line 1',
  ],
  [
    'replaced by a text',
    "globalThis['Buffer'] = mine;\nf(Buffer.allocUnsafe(1));",
    'Buffer is changed in line 1',
  ],
  ['in with', 'with (x) f(Buffer.allocUnsafe(1));', '"with" may hide Buffer in line 1'],
  [
    'in reach of eval()',
    'exports.f = (x) => {\n  eval(x);\n  return Buffer.allocUnsafe(1);\n};',
    'eval() may hide Buffer in line 2',
  ],
  ['with .buffer', 'const x = Buffer.allocUnsafe(1);\nf(x.buffer);', '.buffer is read in line 2'],
  [
    "with ['buffer']",
    "const x = Buffer.allocUnsafe(1);\nf(x['buffer']);",
    '.buffer is read in line 2',
  ],
  [
    'with .byteOffset',
    'const x = Buffer.allocUnsafe(1);\nf(x?.byteOffset);',
    '.byteOffset is read in line 2',
  ],
  ['with a pattern', 'const { buffer } = Buffer.allocUnsafe(1);', '.buffer is read in line 1'],
  [
    'with a pattern of a parameter',
    'const f = ({ byteOffset: x }) => x;\nf(Buffer.allocUnsafe(1));',
    '.byteOffset is read in line 1',
  ],
  [
    'with postMessage()',
    'port.postMessage(Buffer.allocUnsafe(1));',
    'postMessage() is called in line 1',
  ],
  [
    'with structuredClone()',
    'structuredClone(Buffer.allocUnsafe(1));',
    'structuredClone() is called in line 1',
  ],
  [
    'with transfer()',
    'f(Buffer.allocUnsafe(1));\nx.transfer();',
    'transfer() moves memory in line 2',
  ],
  [
    'with a transfer list',
    'g({ transferList: [] }, Buffer.allocUnsafe(1));',
    '"transferList" may move memory in line 1',
  ],
]) {
  test(`a file where Buffers of an arena would be others: ${what}`, (t) => {
    const result = applied(t, text);
    t.is(result.text, undefined);
    t.is(result.left.length, 1);
    t.true(result.left[0].endsWith(`: left: ${why}`), result.left[0]);
  });
}

for (const text of [
  "const { Buffer } = require('node:buffer');\nexports.f = () => Buffer.allocUnsafe(1);\n",
  "const Buffer = require('buffer').Buffer;\nexports.f = () => Buffer.allocUnsafe(1);\n",
  "const { buffer } = require('node:stream/consumers');\nexports.f = () => Buffer.allocUnsafe(1);\n",
  "const { kMaxLength } = require('node:buffer');\nexports.f = () => Buffer.allocUnsafe(1);\n",
]) {
  test(`Buffer is Node's: ${text.split('\n')[0]}`, (t) => {
    const result = applied(t, text);
    t.is(result.text, `${LINE}\n${text.replace('Buffer.all', 'perRequest.all')}`);
  });
}
