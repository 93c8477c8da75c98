'use strict';

/** One ArrayBuffer over bytes that no other live ArrayBuffer of ralloc covers. */
class Span {
  constructor(ab, id, epoch, clean, isChunk) {
    this.ab = ab; // null once it was stolen
    this.size = ab.byteLength;
    this.id = id; // with `epoch` the lease's name below
    this.epoch = epoch;
    this.clean = clean; // bytes from here on were never handed out and are zero
    this.isChunk = isChunk; // a chunk of its own, or cut from one for a checkpoint or scope
    this.held = false;
    this.used = 0; // bytes handed out in this epoch of its arena, while another window is open
    this.end = 0; // bytes that may be handed out: size, or less at a request's limit
  }
}

module.exports = { Span };
