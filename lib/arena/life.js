'use strict';

// How far an arena's life has come, and what it has from V8's heap where its owner has no memory for it.

const { closedError } = require('../base/errors.js');

const LIVE = 0;
const CLOSED = 1; // by its owner, or with its scope: every use throws
const RELEASED = 2; // with its response: allocations go to the heap, the rest does nothing

class Life {
  owner;
  isScope; // of a scope: takes small spans, cut from a chunk
  heapBytes = 0; // of Buffers that came from the heap instead, charged to the owner
  #state = LIVE;

  constructor(owner, isScope) {
    this.owner = owner;
    this.isScope = isScope;
  }

  allocOnHeap(size, zero) {
    const buffer = this.owner.allocOnHeap(size, zero);
    this.heapBytes += size;
    return buffer;
  }

  /** Gives the room of heap Buffers back, but for the first `kept` bytes of them. */
  dischargeHeap(kept = this.heapBytes) {
    const bytes = this.heapBytes - kept;
    if (bytes <= 0) return;
    this.owner.discharge(bytes);
    this.heapBytes = kept;
  }

  /** Whether the response is over, and calls do nothing; throws when the arena, or its scope, is closed. */
  isReleased() {
    if (this.#state === LIVE) return false;
    if (this.#state === RELEASED) return true;
    throw closedError(this.isScope ? 'The scope of this arena' : 'The arena');
  }

  get isLive() {
    return this.#state === LIVE;
  }

  /** Ends it for good. */
  finish(state) {
    this.#state = state;
  }
}

module.exports = { Life, CLOSED, RELEASED };
