'use strict';
// tier: tools

// The format that the MessagePack example writes, byte by byte.

const test = require('ava');
const { encode, decode } = require('@msgpack/msgpack');
const { Encoder } = require('../../examples/msgpack/encoder.js');

function packed(value) {
  const encoder = new Encoder();
  const bytes = Buffer.alloc(encoder.measure(value), 0xc1);
  const end = encoder.write(bytes);
  return { bytes, end };
}

/** Widths of MessagePack: value → its first byte. */
const heads = [
  [null, 0xc0],
  [false, 0xc2],
  [true, 0xc3],
  [0, 0x00],
  [127, 0x7f],
  [128, 0xcc],
  [255, 0xcc],
  [256, 0xcd],
  [65_535, 0xcd],
  [65_536, 0xce],
  [2 ** 32 - 1, 0xce],
  [2 ** 32, 0xcf],
  [2 ** 53 - 1, 0xcf],
  [2 ** 53, 0xcb],
  [-1, 0xff],
  [-32, 0xe0],
  [-33, 0xd0],
  [-128, 0xd0],
  [-129, 0xd1],
  [-32_768, 0xd1],
  [-32_769, 0xd2],
  [-(2 ** 31), 0xd2],
  [-(2 ** 31) - 1, 0xd3],
  [-(2 ** 53) + 1, 0xd3],
  [-(2 ** 53), 0xcb],
  [-0, 0xcb],
  [0.5, 0xcb],
  ['', 0xa0],
  ['x'.repeat(31), 0xbf],
  ['x'.repeat(32), 0xd9],
  ['é'.repeat(127), 0xd9],
  ['é'.repeat(128), 0xda],
  ['x'.repeat(65_535), 0xda],
  ['x'.repeat(65_536), 0xdb],
  [Array(15).fill(1), 0x9f],
  [Array(16).fill(1), 0xdc],
  [Array(65_535).fill(1), 0xdc],
  [Array(65_536).fill(1), 0xdd],
  [Object.fromEntries(Array.from({ length: 15 }, (_, i) => [`k${i}`, i])), 0x8f],
  [Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`k${i}`, i])), 0xde],
  [Object.fromEntries(Array.from({ length: 65_536 }, (_, i) => [`k${i}`, i])), 0xdf],
];

test('every type and width has its shortest form, and just the bytes that were measured', (t) => {
  for (const [value, head] of heads) {
    const { bytes, end } = packed(value);
    const name = JSON.stringify(value)?.slice(0, 30);
    t.is(bytes[0], head, name);
    t.is(end, bytes.length, name);
    t.deepEqual(decode(bytes), value, name);
    if (!Object.is(value, -0)) t.true(bytes.equals(encode(value)), name); // which makes it 0
  }
});

test('a key of every name, and a surrogate that has no pair', (t) => {
  const { bytes } = packed(JSON.parse('{"__proto__":1,"constructor":2,"":3}'));
  t.is(bytes.toString('latin1'), '\x83\xa9__proto__\x01\xabconstructor\x02\xa0\x03');
  t.is(decode(packed('a\ud800b').bytes), 'a\ufffdb');
});
