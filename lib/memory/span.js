'use strict';

const { deadUse } = require('../base/dead.js');

/** What operations of Node find on an ArrayBuffer of a span (kHolder), and later how it died. */
class SpanGuard {
  #span;
  death = 'transferred'; // until it is said: a key of `deaths` in base/errors.js

  constructor(span) {
    this.#span = span;
  }

  take(view, kind, consumer) {
    if (view.byteLength === 0 && view.buffer.byteLength === 0)
      throw deadUse(view, undefined, this.death, kind, consumer);
    return this.#span.take(view, kind);
  }
}

/** One ArrayBuffer over bytes that no other live ArrayBuffer of ralloc covers. */
class Span {
  #done; // made for the first operation: one for all, so that a stream sees the same callback for every write

  constructor(isChunk, pool) {
    this.ab = null; // until it is leased, and once the lease has ended
    this.adopted = null; // an ArrayBuffer that is not of the memory below, and then has no lease: see AdoptedSpans
    this.isRaw = true; // `ab` is the one that memory gave, which nobody may see: see ChunkPool
    this.home = null; // the Epoch that has it, or Waiting; null: the pool
    this.size = 0;
    this.id = 0; // with `epoch` what the memory below knows the lease by
    this.epoch = 0; // not an Epoch: this lease's number
    this.cleanFrom = 0; // bytes from here on were never handed out and are zero
    this.isChunk = isChunk; // a chunk of its own, or cut from one for a checkpoint or scope
    this.held = false;
    this.used = 0; // bytes handed out in this epoch of its arena, while another window is open
    this.end = 0; // bytes that may be handed out: size, or less at a request's limit
    this.pool = pool;
    this.guard = undefined; // of its ArrayBuffer, where the pool is guarded
    this.isSole = false; // adopted for one Buffer, and at its end detached: nothing else is ever over that memory
    this.isSeen = false; // by Buffers that 'recycle' left alive
    this.policy = undefined; // { safety, wipe }, while it waits
    this.claims = null; // Holds that it waits for
    this.death = 'reset'; // what ends it: said by its epoch
    this.operations = 0; // of Node that were given Buffers of it and are not over: while there are any it is not reset
  }

  /** An operation begins that uses `view`, of this span, after it returned: see kHolder in base/protocol.js. */
  take(view, kind) {
    this.#done ??= () => this.#end();
    this.pool.guarded.count(kind, view.byteLength);
    this.operations++; // no call from here on
    if (this.held) this.pool.holders.operations++;
    return this.#done;
  }

  #end() {
    if (this.operations === 0) return; // called twice
    const { pool } = this;
    this.operations--;
    if (this.held) pool.holders.operations--;
    if (this.operations > 0 || this.home !== pool.waiting) return;
    pool.pending++; // from here on the pool's next call finishes what is cut off
    pool.waiting.settle([this]);
  }
}

module.exports = { Span, SpanGuard };
