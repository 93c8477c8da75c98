'use strict';

// The counts of all threads of a process, in memory that they share: each thread writes to a lane
// of its own, so that nothing is lost with one that is terminated.

/**
 * The counts of a site: calls within requests; Buffers from arenas, and their bytes; Buffers from
 * V8's heap because an arena was full; calls outside of requests; uses of its dead Buffers, and of
 * dead Buffers that are either its own or another site's in the same memory; Buffers that were
 * examined after their response, and those of them that were still reachable.
 */
const FIELDS = [
  'inside',
  'allocated',
  'bytes',
  'heap',
  'outside',
  'dead',
  'perhaps',
  'looked',
  'kept',
];
const [INSIDE, ALLOCATED, BYTES, HEAP, OUTSIDE, DEAD, PERHAPS, LOOKED, KEPT] = FIELDS.keys();

/** Most bytes for all threads. They take no memory until they are written. */
const MOST_BYTES = 1 << 24;
const MOST_LANES = 1024;

/**
 * Indices in the header: the threads with a lane; calls of requestArena(); calls of reset() and
 * rewind() of requests' arenas. The states of files follow.
 */
const THREADS = 0;
const MOUNTS = 1;
const RESETS = 2;
const FILES = 3;

/** The function see() of Counts with this `header`, for a thread that counts nothing. */
function seeIn(header) {
  const states = new Int32Array(header);
  return (file, state) => Atomics.or(states, FILES + file, state);
}

class Counts {
  #header;
  #all;
  #size; // numbers in a lane
  #lane; // the index where this thread's lane begins

  /** `shared`: in workers, that of the main thread's Counts. */
  constructor(sites, files, shared) {
    this.#size = Math.max(1, sites * FIELDS.length);
    const lanes = Math.max(8, Math.min(MOST_LANES, Math.floor(MOST_BYTES / (this.#size * 8))));
    this.shared = shared ?? {
      header: new SharedArrayBuffer((FILES + files) * 4),
      counts: new SharedArrayBuffer(lanes * this.#size * 8),
    };
    this.#header = new Int32Array(this.shared.header);
    this.#all = new Float64Array(this.shared.counts);
    // If there are more threads than lanes, several share the last one, and may lose counts.
    const lane = Math.min(Atomics.add(this.#header, THREADS, 1), lanes - 1);
    this.#lane = lane * this.#size;
  }

  /** The counts of a site in this thread, indexed by ALLOCATED and so on. */
  of(site) {
    const begin = this.#lane + site * FIELDS.length;
    return this.#all.subarray(begin, begin + FIELDS.length);
  }

  /** Adds a state of a file. */
  see(file, state) {
    Atomics.or(this.#header, FILES + file, state);
  }

  stateOf(file) {
    return Atomics.load(this.#header, FILES + file);
  }

  /** Counts a call of requestArena(). */
  mount() {
    Atomics.add(this.#header, MOUNTS, 1);
  }

  get mounts() {
    return Atomics.load(this.#header, MOUNTS);
  }

  /** Counts a call by which the program ends Buffers of a request before its response. */
  reset() {
    Atomics.add(this.#header, RESETS, 1);
  }

  get resets() {
    return Atomics.load(this.#header, RESETS);
  }

  /** The counts of a site over all threads: `{ allocated, bytes, ... }`. */
  sumOf(site) {
    const sum = Object.fromEntries(FIELDS.map((name) => [name, 0]));
    const threads = Atomics.load(this.#header, THREADS);
    const end = Math.min(this.#all.length, threads * this.#size);
    for (let lane = 0; lane < end; lane += this.#size) {
      FIELDS.forEach((name, field) => {
        sum[name] += this.#all[lane + site * FIELDS.length + field];
      });
    }
    return sum;
  }
}

module.exports = {
  ALLOCATED,
  BYTES,
  Counts,
  DEAD,
  FIELDS,
  HEAP,
  INSIDE,
  KEPT,
  LOOKED,
  OUTSIDE,
  PERHAPS,
  seeIn,
};
