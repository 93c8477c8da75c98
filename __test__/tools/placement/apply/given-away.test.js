'use strict';
// tier: tools

// Files that `ralloc apply` leaves since somebody may change Buffer, or read what is behind one, by another way than in so many words; and those that only look so.

const test = require('ava');
const { LINE, applied } = require('../../../helpers/planned.js');

const CALL = 'f(Buffer.allocUnsafe(1));';
const GIVEN = 'Buffer is given away';
const CHANGED = 'Buffer is changed';

for (const [text, why] of [
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
  ['f(x[`buffer`]);', '.buffer is read'],
  ["Reflect.get(x, 'buffer');", '.buffer is read'],
  ['Reflect.get(x, `byteOffset`);', '.byteOffset is read'],
  ['const { [`buffer`]: y } = x;', '.buffer is read'],
  ['const b = Buffer.from(x);f(b.parent);', '.parent is read'],
  ['let b;b = Buffer.from(x);f(b.offset);', '.offset is read'],
  ['const b = Buffer.from(x);const { offset } = b;', '.offset is read'],
  ['f(Buffer.from(x).parent);', '.parent is read'],
  ['const { parent } = Buffer.from(x);', '.parent is read'],
]) {
  test(`a file stays where Buffer may be changed, or what is behind it is read: ${text}`, (t) => {
    const result = applied(t, `${CALL}\n${text}\n`);
    t.is(result.text, undefined);
    t.is(result.left.length, 1);
    t.true(result.left[0].endsWith(`: left: ${why} in line 2`), result.left[0]);
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

test('a module of ES may give Buffer of node:buffer on', (t) => {
  const text = `import { Buffer } from 'node:buffer';\nexport { Buffer };\n${CALL}\n`;
  t.true(applied(t, text).text.includes('f(perRequest.allocUnsafe(1));'));
});
