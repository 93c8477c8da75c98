'use strict';

/** One ArrayBuffer over bytes that no other live ArrayBuffer of ralloc covers. */
class Span {
  constructor(isChunk) {
    this.ab = null; // until it is leased, and once the lease has ended
    this.isRaw = true; // `ab` is the one that memory gave, which nobody may see: see ChunkPool
    this.home = null; // the Epoch that has it; null: the pool
    this.size = 0;
    this.id = 0; // with `epoch` what the memory below knows the lease by
    this.epoch = 0; // not an Epoch: this lease's number
    this.cleanFrom = 0; // bytes from here on were never handed out and are zero
    this.isChunk = isChunk; // a chunk of its own, or cut from one for a checkpoint or scope
    this.held = false;
    this.used = 0; // bytes handed out in this epoch of its arena, while another window is open
    this.end = 0; // bytes that may be handed out: size, or less at a request's limit
  }
}

module.exports = { Span };
