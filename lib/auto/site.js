'use strict';

// What stands in the place of `Buffer` at a site: `(current() ?? Buffer)`, and counts what it gives. The arguments are read before current() is, and not behind it: only
// a size that is awaited would tell the difference.

const { BYTES, GIVEN, HEAP, INSIDE, OUTSIDE } = require('./counts.js');

class Site {
  #counts;
  #size;
  #arenas;
  #watch;

  /** `counts`: of Counts; `size`: what nearly all of its Buffers have at most. `watch` is told of each Buffer of an arena. */
  constructor(counts, size, arenas, watch) {
    this.#counts = counts;
    this.#size = size;
    this.#arenas = arenas;
    this.#watch = watch;
  }

  /** The counts of this thread. */
  get counts() {
    return this.#counts;
  }

  /** The arena that a call is for, which is counted. What may be more than a request has is left alone, as `ralloc apply` leaves it. */
  #arena() {
    const arenas = this.#arenas;
    const arena = this.#size > arenas.limit ? undefined : arenas.current();
    this.#counts[arena === undefined ? OUTSIDE : INSIDE]++;
    return arena;
  }

  allocUnsafe(size) {
    const arena = this.#arena();
    return arena === undefined ? Buffer.allocUnsafe(size) : this.#given(arena.allocUnsafe(size));
  }

  alloc(...args) {
    const arena = this.#arena();
    return arena === undefined ? Buffer.alloc(...args) : this.#given(arena.alloc(...args));
  }

  from(...args) {
    const arena = this.#arena();
    return arena === undefined ? Buffer.from(...args) : this.#given(arena.from(...args));
  }

  concat(...args) {
    const arena = this.#arena();
    return arena === undefined ? Buffer.concat(...args) : this.#given(arena.concat(...args));
  }

  #given(buffer) {
    const counts = this.#counts;
    if (this.#watch.gave(this, buffer)) {
      counts[GIVEN]++;
      counts[BYTES] += buffer.length;
    } else counts[HEAP]++;
    return buffer;
  }
}

module.exports = { Site };
