'use strict';

// One allocation of a Buffer, by size. Against it: the bare view that every such library must at least
// make (the floor), the same with the ArrayBuffer detached every 64 (the floor of a safe one), and Node's
// own three ways.
//
// Caveats: nothing writes to the memory, so page faults and cache misses on fresh memory are not seen in
// allocUnsafe, and the arena's warm memory gets no credit for its warmth. Only the last Buffer is kept, so
// scavenges have nothing to copy; "64 kept" keeps a turn's Buffers, as a request does. Buffer.alloc is here
// because people use it; it compares with arena.alloc. The arena's chunk holds a whole turn of 64, as the
// middleware's adaptation would make it. Node's garbage is V8's to collect, in this loop's time.

const { Arena } = require('..');
const { compare } = require('./harness.js');

const FastBuffer = Buffer[Symbol.species];
const A_TURN = 64; // allocations per reset

const KiB = 1024;
const SIZES = {
  '64 B': 64,
  '1 KiB': KiB,
  '4 KiB': 4 * KiB,
  '16 KiB': 16 * KiB,
  '64 KiB': 64 * KiB,
};

function detach(ab) {
  return ab.transfer ? ab.transfer() : structuredClone(ab, { transfer: [ab] });
}

function makeArena(size) {
  const chunkSize = Math.max(64 * KiB, A_TURN * size);
  return new Arena({ maxBytes: 4 * chunkSize, chunkSize });
}

function rivals(size) {
  const arena = makeArena(size);
  const zeroing = makeArena(size);
  const bare = new ArrayBuffer(A_TURN * size);
  let moved = new ArrayBuffer(A_TURN * size);
  return {
    'new FastBuffer(ab, off, n)': (n) => {
      let last;
      for (let i = 0; i < n; i++) last = new FastBuffer(bare, (i & 63) * size, size);
      return last;
    },
    'the same, detached every 64': (n) => {
      let last;
      for (let i = 0; i < n; i++) {
        last = new FastBuffer(moved, (i & 63) * size, size);
        if ((i & 63) === 63) moved = detach(moved);
      }
      return last;
    },
    'arena.allocUnsafe': (n) => {
      let last;
      for (let i = 0; i < n; i++) {
        last = arena.allocUnsafe(size);
        if ((i & 63) === 63) arena.reset();
      }
      return last;
    },
    'arena.alloc': (n) => {
      let last;
      for (let i = 0; i < n; i++) {
        last = zeroing.alloc(size);
        if ((i & 63) === 63) zeroing.reset();
      }
      return last;
    },
    'Buffer.allocUnsafe': (n) => {
      let last;
      for (let i = 0; i < n; i++) last = Buffer.allocUnsafe(size);
      return last;
    },
    'Buffer.alloc': (n) => {
      let last;
      for (let i = 0; i < n; i++) last = Buffer.alloc(size);
      return last;
    },
    'Buffer.allocUnsafeSlow': (n) => {
      let last;
      for (let i = 0; i < n; i++) last = Buffer.allocUnsafeSlow(size);
      return last;
    },
  };
}

function keepingRivals(size) {
  const arena = makeArena(size);
  const bare = new ArrayBuffer(A_TURN * size);
  const turn = new Array(A_TURN).fill(null);
  return {
    'new FastBuffer(ab, off, n)': (n) => {
      for (let i = 0; i < n; i++) turn[i & 63] = new FastBuffer(bare, (i & 63) * size, size);
      return turn;
    },
    'arena.allocUnsafe': (n) => {
      for (let i = 0; i < n; i++) {
        turn[i & 63] = arena.allocUnsafe(size);
        if ((i & 63) === 63) arena.reset();
      }
      return turn;
    },
    'Buffer.allocUnsafe': (n) => {
      for (let i = 0; i < n; i++) turn[i & 63] = Buffer.allocUnsafe(size);
      return turn;
    },
  };
}

const scenarios = {};
for (const [name, size] of Object.entries(SIZES)) scenarios[name] = () => compare(rivals(size));
scenarios['1 KiB, 64 kept'] = () => compare(keepingRivals(KiB));

module.exports = {
  notMeasured:
    'writing to the memory; what is freed on helper threads; a heap full of other objects',
  scenarios,
};
