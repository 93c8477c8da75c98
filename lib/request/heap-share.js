'use strict';

// The heap Buffers of requests for which the arenas have no memory. They are bounded too: otherwise clients that open many
// requests would get on the heap what the arenas refuse.

/** With `wipe`, never from Node's pool, where other Buffers show it through their ArrayBuffer. */
function fromHeap(size, zero, wipe) {
  if (zero) return Buffer.alloc(size);
  return wipe ? Buffer.allocUnsafeSlow(size) : Buffer.allocUnsafe(size);
}

const IN_FLIGHT = {
  parts: ['on the heap, by requests in flight'],
  remedy: 'let some of them end first',
};

class HeapShare {
  budget; // `maxHeapBytes`
  unguarded; // `maxBytes`: what the requests have that would have their memory of the arenas, but for the guard
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
   * A Buffer for a request of this `budget`, which has room for it; `existing`, where that is there already. Throws with status 503, and
   * changes nothing. For a handler that goes on after its response the budget has no parent: a client that goes away must not make it throw.
   */
  alloc(budget, size, zero, wipe, existing) {
    const isLate = budget.parent === null;
    const full = budget.fullFor(size);
    if (full !== null) throw this.refuse(full.refusal(size, IN_FLIGHT));
    const buffer = existing ?? fromHeap(size, zero, wipe);
    const used = this.#used + size;
    const counts = this.#counts;
    budget.force(size); // no call from here on
    if (isLate) {
      counts.lateBuffers++;
      counts.lateBytes += size;
    } else {
      counts.heapBuffers++;
      counts.heapBytes += size;
      if (this.#peak < used) this.#peak = used;
    }
    return buffer;
  }

  /** Counts and returns `error`: neither the arenas nor the heap have memory for a request. */
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
