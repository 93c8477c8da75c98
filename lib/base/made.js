'use strict';

// All that the program has made and that is still there, by kind, for lib/metrics. Nothing is kept alive by it, and no request and no allocation does anything for it.

const { setImmediate } = require('./time.js'); // not a test's

class Made {
  #entries = []; // in the order in which they were made; lib/metrics adds what it saw last
  #fresh = new Map(); // object → name: of this turn of the loop, to whose end a WeakRef keeps what it refers to, also what is closed by then
  #isDue = false; // settle(), at the end of it
  #most = 64; // with more, those that nobody has any more are dropped

  add(object, name) {
    if (!this.#isDue) setImmediate(() => this.#settle());
    this.#isDue = true;
    this.#fresh.set(object, name);
    return object;
  }

  /** `object` is closed. What was made in an earlier turn stays until nobody has it. */
  closed(object) {
    this.#fresh.delete(object);
  }

  #settle() {
    this.#isDue = false;
    if (this.#entries.length >= this.#most) this.#sweep();
    for (const [object, name] of this.#fresh)
      this.#entries.push({ ref: new WeakRef(object), name, row: null, last: null });
    this.#fresh.clear();
  }

  get entries() {
    if (this.#fresh.size > 0) this.#settle();
    return this.#entries;
  }

  #sweep() {
    this.#entries = this.#entries.filter(({ ref }) => ref.deref() !== undefined);
    this.#most = 64 + 2 * this.#entries.length;
  }
}

/** `arenas`: pools of those that the program made; `mounts` have those of requests. `guards`: counts of operations of a kind. */
const kinds = ['budgets', 'admissions', 'mounts', 'arenas', 'slabs', 'regions', 'guards'];
module.exports = { made: Object.fromEntries(kinds.map((kind) => [kind, new Made()])) };
