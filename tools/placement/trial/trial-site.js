'use strict';

// Stands in the place of `Buffer` at a site: perRequest, of whichever copy of ralloc the request
// is, and counts what it gives.

const { BufferLike, kPlace, kRefused } = require('../../../lib/site/buffer-like.js');
const { ALLOCATED, BYTES, HEAP, INSIDE, OUTSIDE } = require('./counts.js');

class TrialSite extends BufferLike {
  #counts;
  #arenas;
  #watch;

  /** `counts`: the site's counts, from Counts. `watch`: gets each Buffer of an arena. */
  constructor(counts, arenas, watch) {
    super();
    this.#counts = counts;
    this.#arenas = arenas;
    this.#watch = watch;
  }

  /** The counts of this thread. */
  get counts() {
    return this.#counts;
  }

  allocUnsafe(size) {
    this.#count();
    return super.allocUnsafe(size);
  }

  alloc(...args) {
    this.#count();
    return super.alloc(...args);
  }

  from(...args) {
    this.#count();
    return super.from(...args);
  }

  concat(...args) {
    this.#count();
    return super.concat(...args);
  }

  /**
   * Counts a call, even one that an arena would never serve: with an ArrayBuffer, or an argument
   * that Buffer refuses.
   */
  #count() {
    this.#counts[this.#arenas.current() === undefined ? OUTSIDE : INSIDE]++;
  }

  [kPlace](size, zero) {
    const arena = this.#arenas.current();
    if (arena === undefined) return null;
    const buffer = zero ? arena.alloc(size) : arena.allocUnsafe(size);
    const counts = this.#counts;
    if (this.#watch.gave(this, buffer)) {
      counts[ALLOCATED]++;
      counts[BYTES] += buffer.length;
    } else counts[HEAP]++;
    return buffer;
  }

  [kRefused]() {
    this.#counts[HEAP]++;
  }
}

module.exports = { TrialSite };
