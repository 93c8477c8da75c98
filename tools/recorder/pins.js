'use strict';

// Estimates what slices of a shared ArrayBuffer keep alive beyond their own bytes: 1,000 kept slices of 100 bytes pin 100 KB of Node's pool, or 8 MB, or 64 MB,
// depending on the size of its slabs and on how much else of them is alive. To find out, some of the slices that follow a sample in its slab are watched: the
// slab is taken to be as alive as they are. A dead Buffer with an ArrayBuffer of its own pins the bytes that none of its living parts covers.

const { arrayBufferOf, byteLengthOf } = require('../../lib/base/views.js');
const { itemOf } = require('../../lib/base/item-of.js');
const { Watched } = require('./watched.js');

/** The average number of watched neighbours of a sample, if it is the first in its slab. */
const NEIGHBOURS = 8;

/** How many other allocations may come between two neighbours, and the time that each costs. */
const MOST_OTHERS = 32;
const OTHER_MS = 0.0003;

class Slice {
  slabBytes;
  watched = 0; // bytes of neighbours
  #neighbours = [];
  isFull = false; // whether its slab is complete

  constructor(slabBytes) {
    this.slabBytes = slabBytes;
  }

  /** Adds `{ bytes, whole, isAlive }`, a slice of the same slab. */
  addNeighbour(neighbour) {
    this.watched += neighbour.bytes;
    this.#neighbours.push(neighbour);
  }

  /** Bytes of the neighbours that are alive; of a dead one, those of its living parts. */
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
    // If a sample was soon followed by another one, or only by other memory, it is unknown whether it has neighbours.
    if (slice.watched === 0 && !slice.isFull) return;
    this.#watched += count * slice.watched;
    this.#living += count * slice.living;
    this.#slabs += count * slice.slabBytes;
    this.#sizes += count * size * (used / bytes);
    this.#weight += count;
  }

  /** Each slice pins a part of its slab, in proportion to its share of the slab's living bytes. A slice without neighbours pins the whole slab. 0 if no slab is known. */
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

/** Keeps slices for a moment. `ralloc holders` recognizes the class by its name, and ignores what it keeps. */
class RecordedPins {
  #neighbours = new Watched();
  #sampling;
  #parts;
  #slab = null; // the slab whose slices are watched; not a WeakRef, which would keep it for this turn too
  #slice = null;
  #others = 0;
  #spent = 0; // ms

  constructor(sampling, parts) {
    this.#sampling = sampling;
    this.#parts = parts;
  }

  /** Called after a sample that is the part `made` of Node's pool. Watches some of the next slices as its neighbours. */
  begin(slice, made) {
    this.#slice = slice;
    this.#slab = arrayBufferOf(made);
    this.#others = 0;
    this.#next();
  }

  #next() {
    this.#sampling.detour(this.#slice.slabBytes / NEIGHBOURS);
  }

  /** Called with an allocation when a neighbour was expected. */
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

  /** Whether `made` is a slice of another slab, which has replaced this one. */
  #isPart(made, { byteLength }) {
    return byteLength === this.#slice?.slabBytes && byteLengthOf(made) < byteLength;
  }

  /** Called when other memory was allocated instead of a neighbour. */
  pass() {
    this.#others++;
    this.#spent += OTHER_MS;
    if (this.#slice === null || this.#others > MOST_OTHERS) this.end();
    else this.#next();
  }

  /** Called when the sample gets no more neighbours. */
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

  /** Milliseconds spent on other memory since the last call. */
  takeSpent() {
    const spent = this.#spent;
    this.#spent = 0;
    return spent;
  }

  /** Reads which neighbours died. */
  hear() {
    this.#neighbours.hear(die);
  }

  /** Call it at the end, after a collection: reads all deaths that are left. */
  settle() {
    this.end();
    this.hear();
    this.#neighbours.settle(die);
  }
}

/** Estimates the bytes that slices pin: site → bytes. `slices`: samples with `site`, `slice` and the number of allocations that they stand for. */
function pinnedBy(slices) {
  const sums = new Map();
  for (const sample of slices) itemOf(sums, sample.site, () => new Sum()).add(sample);
  return new Map([...sums].map(([site, { pinned }]) => [site, pinned]));
}

module.exports = { Pins: RecordedPins, Slice, pinnedBy };
