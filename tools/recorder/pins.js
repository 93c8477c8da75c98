'use strict';

// Estimates what slices of a shared ArrayBuffer keep alive beyond their own bytes: 1,000 kept slices of 100 bytes pin 100 KB of Node's pool, or 8 MB, or 64.
// Which, other slices of the same slabs tell: some that are made after a sample are watched, and how much of them is alive is how much of the slab is. Of a
// Buffer that is dead and has an ArrayBuffer of its own it is what no part of it has.

const { arrayBufferOf, byteLengthOf } = require('../../lib/base/views.js');
const { Watched } = require('./watched.js');

/** So many neighbours of a sample, on average, if it is the first in its slab. */
const NEIGHBOURS = 8;

/** So much other memory may come between them, each of which costs some time. */
const MOST_OTHERS = 32;
const OTHER_MS = 0.0003;

class Slice {
  slabBytes;
  watched = 0; // bytes of neighbours
  #neighbours = [];
  isFull = false; // its slab has all the slices that it gets

  constructor(slabBytes) {
    this.slabBytes = slabBytes;
  }

  /** `{ bytes, whole, isAlive }`: a slice of its slab. */
  addNeighbour(neighbour) {
    this.watched += neighbour.bytes;
    this.#neighbours.push(neighbour);
  }

  /** Bytes of neighbours that live, or parts of them. */
  get living() {
    let living = 0;
    for (const { bytes, whole, isAlive } of this.#neighbours)
      living += isAlive ? bytes : whole.parts;
    return living;
  }
}

class Sum {
  #ofDead = 0;
  #bytes = 0;
  #watched = 0;
  #living = 0;
  #slabs = 0;
  #sizes = 0;
  #weight = 0;

  add({ count, bytes, used, size, slice }) {
    if (slice === null) {
      this.#ofDead += bytes - used;
      return;
    }
    this.#bytes += used;
    // A sample that was followed by another one soon, or by other memory alone, does not tell whether it is alone.
    if (slice.watched === 0 && !slice.isFull) return;
    this.#watched += count * slice.watched;
    this.#living += count * slice.living;
    this.#slabs += count * slice.slabBytes;
    this.#sizes += count * size * (used / bytes);
    this.#weight += count;
  }

  /** Each slice pins a part of its slab: its own bytes by all that live there. Where there are no neighbours it is alone. Nothing, if no slab is known. */
  get pinned() {
    return this.#ofDead + this.#pinnedOfPool;
  }

  get #pinnedOfPool() {
    if (this.#weight === 0) return 0;
    const slab = this.#slabs / this.#weight;
    const size = this.#sizes / this.#weight;
    const share = this.#watched === 0 ? 0 : this.#living / this.#watched;
    const living = size + share * (slab - size);
    return living === 0 ? 0 : Math.max(0, Math.round(this.#bytes * (slab / living - 1)));
  }
}

function die(neighbour) {
  neighbour.isAlive = false;
}

/** By its name `ralloc holders` passes over what it keeps for a moment. */
class RecordedPins {
  #neighbours = new Watched();
  #sampling;
  #parts;
  #slab = null; // whose neighbours are watched: a WeakRef would keep it as well, for this turn
  #slice = null;
  #others = 0;
  #spent = 0; // ms

  constructor(sampling, parts) {
    this.#sampling = sampling;
    this.#parts = parts;
  }

  /** After a sample that is `slice`, the part `made` of Node's pool: some of what follows is watched. */
  begin(slice, made) {
    this.#slice = slice;
    this.#slab = arrayBufferOf(made);
    this.#others = 0;
    this.#next();
  }

  #next() {
    this.#sampling.detour(this.#slice.slabBytes / NEIGHBOURS);
  }

  /** `made` comes where a neighbour was expected. */
  meet(made) {
    if (!ArrayBuffer.isView(made)) return this.pass();
    const ab = arrayBufferOf(made);
    if (ab === this.#slab) {
      this.#watch(made);
      return this.#next();
    }
    if (!this.#isPart(made, ab)) return this.pass();
    if (this.#slice !== null) this.#slice.isFull = true;
    return this.end();
  }

  /** Of another slab, which has taken the place of this one. */
  #isPart(made, { byteLength }) {
    return byteLength === this.#slice?.slabBytes && byteLengthOf(made) < byteLength;
  }

  /** Other memory comes where a neighbour was expected. */
  pass() {
    this.#others++;
    this.#spent += OTHER_MS;
    if (this.#slice === null || this.#others > MOST_OTHERS) this.end();
    else this.#next();
  }

  /** The sample has all the neighbours that it gets. */
  end() {
    this.#sampling.leaveDetour();
    this.#slab = null;
    this.#slice = null;
  }

  #watch(made) {
    const bytes = byteLengthOf(made);
    const neighbour = { bytes, whole: this.#parts.follow(made, bytes), isAlive: true };
    this.#neighbours.watch(made, neighbour);
    this.#slice.addNeighbour(neighbour);
  }

  /** Milliseconds that other memory took, since it was asked for. */
  takeSpent() {
    const spent = this.#spent;
    this.#spent = 0;
    return spent;
  }

  /** Reads which neighbours died. */
  hear() {
    this.#neighbours.hear(die);
  }

  /** At the end, after a collection. */
  settle() {
    this.end();
    this.hear();
    this.#neighbours.settle(die);
  }
}

/** Site → bytes that its `slices` pin, an estimate: samples with `site`, `slice`, and what they stand for. */
function pinnedBy(slices) {
  const sums = new Map();
  for (const sample of slices) {
    let sum = sums.get(sample.site);
    if (sum === undefined) {
      sum = new Sum();
      sums.set(sample.site, sum);
    }
    sum.add(sample);
  }
  return new Map([...sums].map(([site, { pinned }]) => [site, pinned]));
}

module.exports = { Pins: RecordedPins, Slice, pinnedBy };
