'use strict';

// What it costs to end things: a reset of an arena of one span with one allocation, a rewind, a scope.
// The floor of each is V8's own detaching: `transfer()`, on Node 20 structuredClone with a transfer list.
//
// Caveats: one small allocation between two resets is the worst case for a reset and no real program; the
// "alone" rows are differences of medians' rounds and carry the noise of both sides. V8 does part of the
// work later, in the garbage collector, which is in the time only as far as it runs on this thread.

const { Arena } = require('..');
const { compare } = require('./harness.js');

const FastBuffer = Buffer[Symbol.species];
const SIZE = 64;
const CHUNK = 64 * 1024;

const makeArena = (safety = 'detach') =>
  new Arena({ maxBytes: 64 * CHUNK, chunkSize: CHUNK, safety });

function detach(ab) {
  return ab.transfer ? ab.transfer() : structuredClone(ab, { transfer: [ab] });
}

function bareDetach() {
  let ab = new ArrayBuffer(CHUNK);
  return (n) => {
    let last;
    for (let i = 0; i < n; i++) {
      last = new FastBuffer(ab, 0, SIZE);
      ab = detach(ab);
    }
    return last;
  };
}

function allocOnly() {
  const arena = makeArena();
  return (n) => {
    let last;
    for (let i = 0; i < n; i++) {
      last = arena.allocUnsafe(SIZE);
      if ((i & 511) === 511) arena.reset();
    }
    return last;
  };
}

function allocAndReset(safety) {
  const arena = makeArena(safety);
  return (n) => {
    let last;
    for (let i = 0; i < n; i++) {
      last = arena.allocUnsafe(SIZE);
      arena.reset();
    }
    return last;
  };
}

function reset() {
  return compare(
    {
      'one view and a bare detach': bareDetach(),
      'allocUnsafe alone': allocOnly(),
      'allocUnsafe + reset': allocAndReset('detach'),
      'allocUnsafe + reset, recycle': allocAndReset('recycle'),
    },
    {
      'reset alone (difference)': (round) =>
        round['allocUnsafe + reset'] - round['allocUnsafe alone'],
    },
  );
}

function scope() {
  const arena = makeArena();
  const once = (child) => {
    child.allocUnsafe(SIZE);
  };
  const empty = () => {};
  const marked = makeArena();
  marked.allocUnsafe(SIZE);
  return compare({
    'one view and a bare detach': bareDetach(),
    'scope, one allocation': (n) => {
      for (let i = 0; i < n; i++) arena.scope(once);
      return arena;
    },
    'scope, no allocation': (n) => {
      for (let i = 0; i < n; i++) arena.scope(empty);
      return arena;
    },
    'checkpoint, one allocation, rewind': (n) => {
      for (let i = 0; i < n; i++) {
        const mark = marked.checkpoint();
        marked.allocUnsafe(SIZE);
        marked.rewind(mark);
      }
      return marked;
    },
    'checkpoint, rewind': (n) => {
      for (let i = 0; i < n; i++) marked.rewind(marked.checkpoint());
      return marked;
    },
  });
}

/** An epoch that outgrows its first chunk: 64 KiB, then 128, 256, 512 KiB. */
function growth() {
  const arena = makeArena();
  const grow = (make) => (n) => {
    let last;
    for (let i = 0; i < n; i++) {
      for (let piece = 0; piece < 112; piece++) last = make(8192);
      arena.reset();
    }
    return last;
  };
  return compare({
    'Buffer.allocUnsafe, 112 of 8 KiB': grow(Buffer.allocUnsafe),
    'arena, 112 of 8 KiB over 4 chunks, reset': grow((size) => arena.allocUnsafe(size)),
  });
}

module.exports = {
  notMeasured: 'the collector’s work on other threads; memory that is written to',
  scenarios: { reset, scope, growth },
};
