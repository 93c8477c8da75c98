'use strict';

// A pair of an allocation and its free in a slab, by size; and whether that stays what it is while many
// Buffers are live. Against it: a bare array of Buffers that checks nothing and knows one size (nothing that
// reuses objects can be faster), the bare view (nothing that makes an object can), Node's allocUnsafe, and
// packages that do a part of this.
//
// Caveats: one byte of every Buffer is written, and no more, so page faults on fresh memory are not seen in
// allocUnsafe, and warm slots get no credit for their warmth. The pair frees what it has just allocated, the best
// case of every cache; "of 1000" frees the oldest of a thousand. `recycle` and `checked` are measured in processes of
// their own, since a program has one or the other; "both" shows what it costs to have both. @thi.ng/malloc makes
// typed arrays over one ArrayBuffer and searches lists; buffer-reuse-pool has Buffers of one size; @protobufjs/pool
// has no free and leaves that to the garbage collector; it allocates above 32 KiB by what it is given.

const { Slab } = require('..');
const { compare, keep } = require('./harness.js');

const FastBuffer = Buffer[Symbol.species];
const KiB = 1024;
const SIZES = {
  '64 B': 64,
  '1 KiB': KiB,
  '4 KiB': 4 * KiB,
  '16 KiB': 16 * KiB,
  '64 KiB': 64 * KiB,
};
const SLOTS = 64;
const LIVE = 1000;

const sizes = Object.values(SIZES);
const makeSlab = (safety, count = SLOTS) =>
  new Slab({ sizes, count: sizes.map((size) => (size === 64 ? count : SLOTS)), safety });

function pairs(slab, size, n) {
  let last;
  for (let i = 0; i < n; i++) {
    const buffer = slab.allocUnsafe(size);
    buffer[0] = i;
    slab.free(buffer);
    last = buffer;
  }
  return last;
}

// The slab comes as an argument: caught by the closure of the loop itself it cost 7 ns a pair in one run and 12 in
// the next.
function slabPair(safety, size) {
  const slab = makeSlab(safety);
  return (n) => pairs(slab, size, n);
}

/** Buffers of one size; nothing is checked. */
function bareList(size) {
  const list = Array.from({ length: SLOTS }, () => Buffer.allocUnsafeSlow(size));
  return (n) => {
    let last;
    for (let i = 0; i < n; i++) {
      const buffer = list.pop();
      buffer[0] = i;
      list.push(buffer);
      last = buffer;
    }
    return last;
  };
}

function bareView(size) {
  const ab = new ArrayBuffer(SLOTS * size);
  return (n) => {
    let last;
    for (let i = 0; i < n; i++) {
      last = new FastBuffer(ab, (i & (SLOTS - 1)) * size, size);
      last[0] = i;
    }
    return last;
  };
}

function allocUnsafe(size) {
  return (n) => {
    let last;
    for (let i = 0; i < n; i++) {
      last = Buffer.allocUnsafe(size);
      last[0] = i;
    }
    return last;
  };
}

async function thiNg(size) {
  const { MemPool } = await import('@thi.ng/malloc');
  const pool = new MemPool({ size: 2 * SLOTS * size });
  return (n) => {
    let last;
    for (let i = 0; i < n; i++) {
      const bytes = pool.callocAs('u8', size);
      bytes[0] = i;
      pool.free(bytes);
      last = bytes;
    }
    return last;
  };
}

function bufferReusePool(size) {
  const reuse = require('buffer-reuse-pool');
  const pool = reuse.pool(size);
  return (n) => {
    let last;
    for (let i = 0; i < n; i++) {
      const buffer = pool.alloc();
      buffer[0] = i;
      reuse.free(buffer);
      last = buffer;
    }
    return last;
  };
}

function protobufPool(size) {
  const pool = require('@protobufjs/pool');
  const allocate = pool(Buffer.allocUnsafeSlow, Buffer.prototype.subarray, 64 * KiB);
  return (n) => {
    let last;
    for (let i = 0; i < n; i++) {
      last = allocate(size);
      last[0] = i;
    }
    return last;
  };
}

const rivals = async (size) => ({
  'Buffer.allocUnsafe': allocUnsafe(size),
  '@thi.ng/malloc': await thiNg(size),
  'buffer-reuse-pool': bufferReusePool(size),
  '@protobufjs/pool': protobufPool(size),
});

/**
 * Garbage for a few scavenges, after which what is live is old, as in a program that has run for a while. To
 * store a young object into an old array, as the 100,000 make it, costs 5 ns more for as long as it is young.
 */
function age() {
  for (let i = 0; i < 2_000_000; i++) keep(new Array(16));
}

/** A pair while `live` others are held. */
function pairAmong(safety, live) {
  const slab = makeSlab(safety, live + SLOTS);
  const held = Array.from({ length: live }, () => slab.allocUnsafe(64));
  age();
  return (n) => pairs(slab, 64, n) ?? held;
}

const among = (safety) => () =>
  compare({
    'no other live': pairAmong(safety, 0),
    '1,000 live': pairAmong(safety, 1000),
    '100,000 live': pairAmong(safety, 100_000),
  });

/** Frees the oldest of so many. */
function ring(allocate, free) {
  const live = Array.from({ length: LIVE }, () => allocate(64));
  let at = 0;
  return (n) => {
    for (let i = 0; i < n; i++) {
      free(live[at]);
      const buffer = allocate(64);
      buffer[0] = i;
      live[at] = buffer;
      at = at === LIVE - 1 ? 0 : at + 1;
    }
    return live[0];
  };
}

const slabRing = (safety) => {
  const slab = makeSlab(safety, 2 * LIVE);
  return ring(
    (size) => slab.allocUnsafe(size),
    (buffer) => slab.free(buffer),
  );
};

const listRing = () => {
  const list = Array.from({ length: 2 * LIVE }, () => Buffer.allocUnsafeSlow(64));
  return ring(
    () => list.pop(),
    (buffer) => list.push(buffer),
  );
};

const scenarios = {};
for (const [name, size] of Object.entries(SIZES)) {
  scenarios[`recycle, ${name}`] = async () =>
    compare({
      'bare list': bareList(size),
      'slab, recycle': slabPair('recycle', size),
      ...(await rivals(size)),
    });
  scenarios[`checked, ${name}`] = async () =>
    compare({
      'new FastBuffer(ab, off, n)': bareView(size),
      'slab, checked': slabPair('checked', size),
      ...(await rivals(size)),
    });
}
scenarios['both, 64 B'] = () =>
  compare({
    'bare list': bareList(64),
    'slab, recycle': slabPair('recycle', 64),
    'new FastBuffer(ab, off, n)': bareView(64),
    'slab, checked': slabPair('checked', 64),
  });
scenarios['recycle, others live'] = among('recycle');
scenarios['checked, others live'] = among('checked');
scenarios['the oldest of 1000, 64 B'] = () =>
  compare({
    'bare list': listRing(),
    'slab, recycle': slabRing('recycle'),
    'slab, checked': slabRing('checked'),
    'Buffer.allocUnsafe': ring(Buffer.allocUnsafe, () => {}),
  });

module.exports = {
  notMeasured: 'writing more than one byte; the page faults of fresh memory; several threads',
  scenarios,
};
