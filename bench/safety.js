'use strict';

// The safety modes on a loop that is like requests: 16 pieces of 0.5–16 KiB are filled and joined, then all
// of it is released, and after each request the event loop turns once, as a server's does.
//
// Caveats: no sockets, so these are the costs of memory alone; an event-loop turn (about 1 µs) is in all.
// `gc` depends on when V8 collects: its cost moves with the heap of the program around it. Peak memory is
// not compared here, for all rivals share one process; the demo measures it in processes of their own.

const { Arena } = require('..');
const { compare, turn } = require('./harness.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const PIECES = Array.from(
  { length: 16 },
  (_, index) => 512 + Math.round((index * 15.5 * KiB) / 15),
);
const TOTAL = PIECES.reduce((sum, size) => sum + size, 0);

function joined(allocUnsafe) {
  const batch = allocUnsafe(TOTAL);
  let at = 0;
  for (const size of PIECES) {
    const piece = allocUnsafe(size);
    piece.fill(at & 255);
    piece.copy(batch, at);
    at += size;
  }
  return batch;
}

function withHeap(make) {
  return async (n) => {
    let last;
    for (let i = 0; i < n; i++) {
      last = joined(make);
      await turn();
    }
    return last;
  };
}

function withArena(safety) {
  const arena = new Arena({ maxBytes: 1024 * MiB, chunkSize: 512 * KiB, safety });
  const allocUnsafe = (size) => arena.allocUnsafe(size);
  return async (n) => {
    let last;
    for (let i = 0; i < n; i++) {
      last = joined(allocUnsafe);
      arena.reset();
      await turn();
    }
    return last;
  };
}

const requests = () =>
  compare({
    'Buffer.allocUnsafe': withHeap(Buffer.allocUnsafe),
    'Buffer.alloc': withHeap(Buffer.alloc),
    'arena, detach': withArena('detach'),
    'arena, recycle': withArena('recycle'),
    'arena, gc': withArena('gc'),
  });

module.exports = {
  notMeasured: 'peak memory (see the demo); a heap with other things in it',
  scenarios: { requests },
};
