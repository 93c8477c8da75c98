'use strict';

/** One ArrayBuffer over bytes that no other live ArrayBuffer of ralloc covers. */
class Span {
  constructor(ab, id, epoch, cleanFrom, isChunk) {
    this.ab = ab; // null once the lease has ended
    this.size = ab.byteLength;
    this.id = id; // with `epoch` what the memory below knows the lease by
    this.epoch = epoch; // not an Epoch: this lease's number
    this.cleanFrom = cleanFrom; // bytes from here on were never handed out and are zero
    this.isChunk = isChunk; // a chunk of its own, or cut from one for a checkpoint or scope
    this.held = false;
    this.used = 0; // bytes handed out in this epoch of its arena, while another window is open
    this.end = 0; // bytes that may be handed out: size, or less at a request's limit
  }
}

module.exports = { Span };
