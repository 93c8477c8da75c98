'use strict';

// The heap Buffers of requests for which the arenas have no memory. They are bounded too: otherwise
// clients that open many requests would get on the heap what the arenas refuse.

const { fromHeap } = require('../base/views.js');

const IN_FLIGHT = {
  parts: ['on the heap, by requests in flight'],
  remedy: 'let some of them end first',
};

class HeapShare {
  budget; // `maxHeapBytes`
  unguarded; // the heap memory of requests that get no arena memory only because the guard came late; limited by `maxBytes`
  #peak = 0;
  #counts = { heapBuffers: 0, heapBytes: 0, refused: 0, lateBuffers: 0, lateBytes: 0 };

  constructor(budget, unguarded) {
    this.budget = budget;
    this.unguarded = unguarded;
  }

  get #used() {
    return this.budget.used + this.unguarded.used;
  }

  /**
   * Returns a Buffer, or `existing`, charged to `budget`. If that is full, throws with status 503
   * and changes nothing. After the response `budget` is null, because a client that disconnects
   * must not make the handler throw.
   */
  alloc(budget, size, zero, wipe, existing) {
    if (budget !== null && size > budget.room) throw this.refuse(budget.refusal(size, IN_FLIGHT));
    const buffer = existing ?? fromHeap(size, zero, wipe);
    const used = this.#used + size;
    const counts = this.#counts;
    budget?.force(size); // no call from here on
    if (budget === null) {
      counts.lateBuffers++;
      counts.lateBytes += size;
    } else {
      counts.heapBuffers++;
      counts.heapBytes += size;
      if (this.#peak < used) this.#peak = used;
    }
    return buffer;
  }

  /**
   * Counts and returns `error`, which says that neither the arenas nor the heap have memory for a
   * request.
   */
  refuse(error) {
    this.#counts.refused++;
    return error;
  }

  counts() {
    return { ...this.#counts };
  }

  stats() {
    return { limit: this.budget.limit, used: this.#used, peak: this.#peak };
  }
}

module.exports = { HeapShare };
