'use strict';

// Making a Buffer out of something: a string, another Buffer, a list of Buffers.
//
// Caveats: most of it is V8's encoder or memcpy, the same for both; what differs is where the bytes go.
// Reset every 64, so one detach in 64 operations is in the arena's time. Node's way writes into its pool
// (8 KiB, from 26.3 on 64 KiB) up to half the pool's size, and into memory of its own above.

const { Arena } = require('..');
const { compare } = require('./harness.js');

const KiB = 1024;
const repeat = (text, length) => text.repeat(Math.ceil(length / text.length)).slice(0, length);
const ASCII = '{"id":12345,"name":"a name","tags":["one","two"]} ';
const WIDE = 'Größe 12 €, naïve café – 漢字 и кириллица. ';

function arenaFor(bytes) {
  const chunkSize = Math.max(64 * KiB, 64 * bytes);
  return new Arena({ maxBytes: 4 * chunkSize, chunkSize });
}

/** Compares Node's way with the arena's on the same arguments. */
function both(method, bytes, ...args) {
  const arena = arenaFor(bytes);
  return compare({
    [`Buffer.${method}`]: (n) => {
      let last;
      for (let i = 0; i < n; i++) last = Buffer[method](...args);
      return last;
    },
    [`arena.${method}`]: (n) => {
      let last;
      for (let i = 0; i < n; i++) {
        last = arena[method](...args);
        if ((i & 63) === 63) arena.reset();
      }
      return last;
    },
  });
}

const text = (source, length, encoding) => () =>
  both('from', 3 * length, repeat(source, length), encoding);

const pieces = (count, size) =>
  Array.from({ length: count }, (_, index) => Buffer.alloc(size, index));

module.exports = {
  notMeasured: 'strings that V8 keeps as ropes; reading the result',
  scenarios: {
    'from 20 characters of ASCII': text(ASCII, 20, 'utf8'),
    'from 1 KiB of ASCII': text(ASCII, KiB, 'utf8'),
    'from 1 KiB of other text': text(WIDE, KiB, 'utf8'),
    'from 16 KiB of ASCII': text(ASCII, 16 * KiB, 'utf8'),
    'from 16 KiB, latin1': text(ASCII, 16 * KiB, 'latin1'),
    'from 2 KiB of hex': text('00ff10ab', 2 * KiB, 'hex'),
    'from a Buffer of 1 KiB': () => both('from', KiB, Buffer.alloc(KiB, 7)),
    'concat of 16 × 64 B': () => both('concat', KiB, pieces(16, 64)),
    'concat of 16 × 4 KiB': () => both('concat', 64 * KiB, pieces(16, 4 * KiB)),
  },
};
