'use strict';

// The program's arenas, slabs, regions and so on that are still there, by kind, for lib/metrics.
// Nothing is kept alive by it, and no request and no allocation does anything for it.

const { nextTurn } = require('./time.js'); // not the fake one of a test

class Instances {
  #entries = []; // in the order of creation; lib/metrics adds what it saw last
  #fresh = new Map(); // object -> name, for objects created in this turn of the loop: a WeakRef would keep them alive until its end, even closed ones
  #isDue = false; // whether settle() is due at the end of the turn
  #most = 64; // beyond this number, collected objects are dropped

  add(object, name) {
    if (!this.#isDue) nextTurn(() => this.#settle());
    this.#isDue = true;
    this.#fresh.set(object, name);
    return object;
  }

  /**
   * Called when `object` is closed. One that was created in an earlier turn stays in the list until
   * it is collected.
   */
  closed(object) {
    this.#fresh.delete(object);
  }

  #settle() {
    this.#isDue = false;
    if (this.#entries.length >= this.#most) {
      this.#entries = this.#entries.filter(({ ref }) => ref.deref() !== undefined);
      this.#most = 64 + 2 * this.#entries.length;
    }
    for (const [object, name] of this.#fresh)
      this.#entries.push({ ref: new WeakRef(object), name, row: null, last: null });
    this.#fresh.clear();
  }

  get entries() {
    if (this.#fresh.size > 0) this.#settle();
    return this.#entries;
  }

  /** The objects that are still there. */
  *living() {
    for (const { ref } of this.entries) {
      const object = ref.deref();
      if (object !== undefined) yield object;
    }
  }
}

/**
 * `arenas`: the pools of arenas that the program created; `mounts` have those of requests.
 * `guards`: counts of the guard's operations, by kind.
 */
const kinds = ['budgets', 'admissions', 'mounts', 'arenas', 'slabs', 'regions', 'guards', 'limits'];
module.exports = { instances: Object.fromEntries(kinds.map((kind) => [kind, new Instances()])) };
