'use strict';

// All that the program has made and that is still there, by kind, for lib/metrics. Nothing is kept alive by it, and no request and no allocation does anything for it.

class Made {
  entries = []; // in the order in which they were made; lib/metrics adds what it saw last
  #most = 64; // with more, those that nobody has any more are dropped

  add(object, name) {
    if (this.entries.length >= this.#most) this.sweep();
    this.entries.push({ ref: new WeakRef(object), name, row: null, rowName: name, last: null });
    return object;
  }

  sweep() {
    this.entries = this.entries.filter(({ ref }) => ref.deref() !== undefined);
    this.#most = 64 + 2 * this.entries.length;
  }
}

/** `arenas`: pools of those that the program made; `mounts` have those of requests. `guards`: counts of operations of a kind. */
const kinds = ['budgets', 'mounts', 'arenas', 'slabs', 'regions', 'guards'];
module.exports = { made: Object.fromEntries(kinds.map((kind) => [kind, new Made()])) };
