'use strict';

// Spares: objects that wait to be used again, the latest last: the handles of compressors, and
// blocks for reads of files. Those that nobody needed for 10 to 20 s are dropped. For arenas, slabs
// and regions see idle.js.

const time = require('../base/time.js');

const REST_MS = 10_000;

class Spares {
  #all = [];
  #low = 0; // the least number of them since the last look
  #drop;
  isWatched = false;

  constructor(drop) {
    this.#drop = drop;
  }

  get length() {
    return this.#all.length;
  }

  /** Call watch() afterwards. */
  add(one) {
    this.#all.push(one);
  }

  /** Takes the oldest. */
  shift() {
    return this.#all.shift();
  }

  /** Takes the latest for which fits() is true. */
  take(fits) {
    const at = this.#all.findLastIndex(fits);
    if (at === -1) return undefined;
    const [one] = this.#all.splice(at, 1);
    this.#low = Math.min(this.#low, this.#all.length);
    return one;
  }

  #rest() {
    this.isWatched = false;
    for (const one of this.#all.splice(0, this.#low)) this.#drop(one);
    this.watch();
  }

  /** Call it outside of every AsyncLocalStorage: a timer keeps the stores alive. */
  watch() {
    if (this.isWatched || this.#all.length === 0) return;
    this.isWatched = true;
    this.#low = this.#all.length;
    time.setTimeout(() => this.#rest(), REST_MS).unref?.();
  }
}

module.exports = { Spares };
