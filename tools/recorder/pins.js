'use strict';

// Estimates what slices of a shared ArrayBuffer keep alive beyond their own bytes: 1,000 kept
// slices of 100 bytes pin 100 KB of Node's pool, or 8 MB, or 64 MB, depending on the size of its
// slabs and on how much else of them is alive. To find out, some of the slices that follow a sample
// in its slab are watched: the slab is taken to be as alive as they are. A dead Buffer with an
// ArrayBuffer of its own pins the bytes that none of its living parts covers.

const { arrayBufferOf, byteLengthOf } = require('../../lib/base/views.js');
const { itemOf } = require('../../lib/base/item-of.js');

const NEIGHBOURS = 8; // the average number of watched neighbours of a sample, if it is the first in its slab

const MOST_OTHERS = 32; // how many other allocations may come between two neighbours, and the time that each costs
const OTHER_MS = 0.0003;

/**
 * A part of a larger ArrayBuffer. `neighbours`: some slices of the same slab, each a Whole;
 * `isFull`: whether the slab is complete.
 */
const newSlice = (slabBytes) => ({ slabBytes, neighbours: [], isFull: false });

const sumOf = (list, of) => list.reduce((sum, one) => sum + of(one), 0);

const watchedIn = ({ neighbours }) => sumOf(neighbours, ({ bytes }) => bytes);

/** Bytes of the neighbours that are alive; of a dead one, those of its living parts. */
const livingIn = ({ neighbours }) =>
  sumOf(neighbours, ({ bytes, isGone, parts }) => (isGone ? parts : bytes));

/**
 * Each slice pins a part of its slab, in proportion to its share of the slab's living bytes. A
 * slice without neighbours pins the whole slab. 0 if no slab is known.
 */
function pinnedBySlices(samples) {
  // If a sample was soon followed by another one, or only by other memory, it is unknown whether it
  // has neighbours.
  const known = samples.filter(({ slice }) => slice.neighbours.length > 0 || slice.isFull);
  if (known.length === 0) return 0;
  const weight = sumOf(known, ({ count }) => count);
  const mean = (of) => sumOf(known, (sample) => sample.count * of(sample)) / weight;
  const slab = mean(({ slice }) => slice.slabBytes);
  const size = mean(({ size: all, used, bytes }) => all * (used / bytes));
  const watched = mean(({ slice }) => watchedIn(slice));
  const share = watched === 0 ? 0 : mean(({ slice }) => livingIn(slice)) / watched;
  const living = size + share * (slab - size);
  if (living === 0) return 0;
  return Math.max(0, Math.round(sumOf(samples, ({ used }) => used) * (slab / living - 1)));
}

/**
 * Keeps slices for a moment. `ralloc holders` recognizes the class by its name, and ignores what it
 * keeps.
 */
class RecordedPins {
  #sampling;
  #parts;
  #slab = null; // the slab whose slices are watched; not a WeakRef, which would keep it for this turn too
  #slice = null;
  #others = 0;
  /** Milliseconds that other memory took; the recorder sets it back. */
  spentMs = 0;

  constructor(sampling, parts) {
    this.#sampling = sampling;
    this.#parts = parts;
  }

  /**
   * Called after a sample that is the part `made` of Node's pool. Watches some of the next slices
   * as its neighbours.
   */
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
    const bytes = byteLengthOf(made);
    if (ab === this.#slab) {
      this.#slice.neighbours.push(this.#parts.watch(made, bytes));
      return this.#next();
    }
    const isPart = ab.byteLength === this.#slice?.slabBytes && bytes < ab.byteLength;
    if (!isPart) return this.pass();
    this.#slice.isFull = true; // a slice of another slab, which has replaced this one
    return this.end();
  }

  /** Called when other memory was allocated instead of a neighbour. */
  pass() {
    this.#others++;
    this.spentMs += OTHER_MS;
    if (this.#slice === null || this.#others > MOST_OTHERS) this.end();
    else this.#next();
  }

  /** Called when the sample gets no more neighbours. */
  end() {
    this.#sampling.leaveDetour();
    this.#slab = null;
    this.#slice = null;
  }
}

/**
 * Estimates the bytes that samples pin: site -> bytes. Those without a `slice` are Buffers of which
 * only parts are alive.
 */
function pinnedBy(samples) {
  const bySite = new Map();
  for (const sample of samples) itemOf(bySite, sample.site, () => []).push(sample);
  const pinnedOf = (all) =>
    sumOf(all, ({ slice, bytes, used }) => (slice === null ? bytes - used : 0)) +
    pinnedBySlices(all.filter(({ slice }) => slice !== null));
  return new Map(Array.from(bySite, ([site, all]) => [site, pinnedOf(all)]));
}

module.exports = { Pins: RecordedPins, newSlice, pinnedBy };
