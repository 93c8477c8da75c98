'use strict';

// What requests have of V8's heap, where the arenas have no memory for them: bounded too, for whoever opens many
// requests would get on the heap what the arenas refuse.

const { withStatus, limitError } = require('../base/errors.js');

/** With `wipe` none of Node's pool, whose other Buffers show all of it by their ArrayBuffer. */
function fromHeap(size, zero, wipe) {
  if (zero) return Buffer.alloc(size);
  return wipe ? Buffer.allocUnsafeSlow(size) : Buffer.allocUnsafe(size);
}

const IN_FLIGHT = {
  parts: ['on the heap, by requests in flight'],
  remedy: 'let some of them end first',
};

class HeapShare {
  #limit;
  #used = 0;
  #peak = 0;
  #counts = { heapBuffers: 0, heapBytes: 0, refused: 0, lateBuffers: 0, lateBytes: 0 };

  constructor(limit) {
    this.#limit = limit;
  }

  /**
   * A Buffer for a request in flight; `existing`, where that is there already. `option`: whose limit holds, `limit`. Throws with status 503, and changes
   * nothing.
   */
  alloc(size, zero, wipe, existing, option = 'maxHeapBytes', limit = this.#limit) {
    const used = this.#used;
    if (size > limit - used) {
      throw this.refuse(limitError(option, size, limit, used, IN_FLIGHT));
    }
    const buffer = existing ?? fromHeap(size, zero, wipe);
    this.#used = used + size;
    if (this.#peak < this.#used) this.#peak = this.#used;
    this.#counts.heapBuffers++;
    this.#counts.heapBytes += size;
    return buffer;
  }

  /** `error`, that neither the arenas nor the heap have memory for a request, counted and with its status. */
  refuse(error) {
    this.#counts.refused++;
    return withStatus(503, error);
  }

  /** Bytes of a request in flight that are garbage from here on. */
  free(bytes) {
    this.#used -= bytes;
  }

  /**
   * A Buffer for a handler that goes on after its response. It does not count toward the limit, for a client that goes away
   * must not make a handler throw; how much one request can have so is limited.
   */
  allocLate(size, zero, wipe, existing) {
    const buffer = existing ?? fromHeap(size, zero, wipe);
    this.#counts.lateBuffers++;
    this.#counts.lateBytes += size;
    return buffer;
  }

  counts() {
    return { ...this.#counts };
  }

  stats() {
    return { limit: this.#limit, used: this.#used, peak: this.#peak };
  }
}

module.exports = { HeapShare };
