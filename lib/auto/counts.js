'use strict';

// The counts of all threads of a process, in memory that they share: each thread writes to a lane of its own, so that nothing is lost with one that is terminated.

/**
 * Of a site: calls within requests; Buffers of arenas, their bytes, and those that requests got of V8's heap, as the arenas were full; calls outside of requests; uses of dead ones, and of dead ones that are of it or of others that had the same memory; how many were looked at after
 * their response, and how many of them were still there.
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

/** Of memory that nobody has written to yet, which takes none. */
const MOST_BYTES = 1 << 24;
const MOST_LANES = 1024;

/** Of the header: threads that have a lane; the calls of requestArena(); calls of reset() and rewind() of requests' arenas; the states of files follow. */
const THREADS = 0;
const MOUNTS = 1;
const RESETS = 2;
const FILES = 3;

/** see() of those that have `header`, for a thread that counts nothing. */
function seeIn(header) {
  const states = new Int32Array(header);
  return (file, state) => Atomics.or(states, FILES + file, state);
}

class Counts {
  #header;
  #all;
  #size; // of a lane, in numbers
  #lane; // where it begins

  /** `shared`: of the main thread's Counts, in its workers. */
  constructor(sites, files, shared) {
    this.#size = Math.max(1, sites * FIELDS.length);
    const lanes = Math.max(8, Math.min(MOST_LANES, Math.floor(MOST_BYTES / (this.#size * 8))));
    this.shared = shared ?? {
      header: new SharedArrayBuffer((FILES + files) * 4),
      counts: new SharedArrayBuffer(lanes * this.#size * 8),
    };
    this.#header = new Int32Array(this.shared.header);
    this.#all = new Float64Array(this.shared.counts);
    // Where there are more threads, the last lane has several, and may lose some.
    const lane = Math.min(Atomics.add(this.#header, THREADS, 1), lanes - 1);
    this.#lane = lane * this.#size;
  }

  /** Of a site, in this thread: by ALLOCATED and so on. */
  of(site) {
    const begin = this.#lane + site * FIELDS.length;
    return this.#all.subarray(begin, begin + FIELDS.length);
  }

  /** What has become of a file: its states are added up. */
  see(file, state) {
    Atomics.or(this.#header, FILES + file, state);
  }

  stateOf(file) {
    return Atomics.load(this.#header, FILES + file);
  }

  /** A requestArena() was called. */
  mount() {
    Atomics.add(this.#header, MOUNTS, 1);
  }

  get mounts() {
    return Atomics.load(this.#header, MOUNTS);
  }

  /** The program ends Buffers of a request before its response. */
  reset() {
    Atomics.add(this.#header, RESETS, 1);
  }

  get resets() {
    return Atomics.load(this.#header, RESETS);
  }

  /** Of a site, by all threads: `{ allocated, bytes, … }`. */
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
