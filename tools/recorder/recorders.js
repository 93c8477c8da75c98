'use strict';

// The recorders of a profile, each once, merged from all of its blocks.

/** Merges two entries of a recorder: the sums of their time and blocks, and everything else from the one that ends later. */
function later(a, b) {
  const last = a.until > b.until || (a.until === b.until && a.rate >= b.rate) ? a : b;
  const both = { ...last, slot: Math.min(a.slot, b.slot) };
  if (a.last === undefined && b.last === undefined) return both;
  both.blocks = (a.blocks ?? 0) + (b.blocks ?? 0);
  both.last = Math.max(a.last ?? 0, b.last ?? 0);
  if (a.collections === undefined && b.collections === undefined) return both;
  both.collections = Math.max(a.collections ?? 0, b.collections ?? 0);
  return both;
}

class Recorders {
  #byId = new Map();

  add(recorder) {
    const known = this.#byId.get(recorder.id);
    this.#byId.set(recorder.id, known === undefined ? recorder : later(known, recorder));
  }

  get list() {
    return [...this.#byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** The number of missing blocks: recorders number their blocks. */
  get lost() {
    let lost = 0;
    for (const { blocks, last } of this.#byId.values()) {
      if (last !== undefined) lost += Math.max(0, last - blocks);
    }
    return lost;
  }

  /** Mean milliseconds from one of V8's collections to the next; undefined if no recorder has counted any. */
  get collectionMs() {
    let [ms, collections] = [0, 0];
    for (const recorder of this.#byId.values()) {
      if (recorder.collections === undefined) continue;
      ms += Math.max(0, recorder.until - recorder.start);
      collections += recorder.collections;
    }
    return collections === 0 ? undefined : ms / collections;
  }

  /** Mean bytes between two samples: the mean of the recorders' rates at their ends, which a merged profile keeps. */
  get rate() {
    const { list } = this;
    return list.length === 0 ? 0 : list.reduce((sum, { rate }) => sum + rate, 0) / list.length;
  }
}

module.exports = { Recorders };
