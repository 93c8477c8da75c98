'use strict';

// Watches objects, and follows the parts of a Buffer: the views that subarray() makes of it, and of
// these. Its memory lives as long as any of them, even if the Buffer itself is dead: a kept part of
// 20 bytes keeps the whole 2 KiB of its Buffer.

const { byteLengthOf } = require('../../lib/base/views.js');
const { deaths } = require('../../lib/memory/native.js');
const time = require('../../lib/base/time.js');

const TOLD = 512; // how many deaths to read together

/**
 * Watches objects until V8 collects them, and reports each death with the item that was given for
 * the object.
 */
class Watched {
  #deaths = new (deaths())();
  #registers = new Float64Array(2 * TOLD);
  #items = []; // by number; null: free
  #free = [];

  /** Watches `object`, without keeping it alive; `item` is passed to onDeath(). */
  watch(object, item) {
    const number = this.#free.pop() ?? this.#items.length;
    this.#deaths.watch(object, number);
    this.#items[number] = item;
  }

  /**
   * Calls onDeath(item, heard) for objects that died since the last call. `heard`: when V8 reported
   * it, in ms.
   */
  hear(onDeath) {
    for (;;) {
      const told = this.#deaths.drain(this.#registers);
      const now = time.now(); // read after the deaths: a time before their collection would be attributed to an earlier one
      for (let i = 0; i < told; i++) {
        const number = this.#registers[2 * i];
        const item = this.#items[number];
        this.#items[number] = null;
        this.#free.push(number);
        if (item !== null) onDeath(item, now - this.#registers[2 * i + 1]);
      }
      if (told < TOLD) return;
    }
  }

  /**
   * Call it at the end, after a collection: calls onDeath(item) for dead objects that V8 has not
   * reported.
   */
  settle(onDeath) {
    for (const [number, item] of this.#items.entries()) {
      if (item === null || this.#deaths.isAlive(number)) continue;
      this.#items[number] = null;
      onDeath(item);
    }
  }
}

/**
 * The first 16 parts are all watched; after that every 2nd up to 32, every 3rd up to 48, and so on.
 */
const EACH = 16;

const WATCH_MS = 0.01; // what it costs to watch one, with V8's handle for it

/** A Buffer, and the views that were made of it. */
class Whole {
  isWatched = false; // itself
  isGone = false; // whether the Buffer itself died; known only if it is watched
  count = 0; // number of living watched parts
  bytes;
  #made = 0; // number of all parts
  #madeBytes = 0; // of all parts
  #watchedBytes = 0;
  #livingBytes = 0;
  #onLess;
  /**
   * The site of the Buffer, and those that made its living parts -> their bytes; undefined if
   * nobody asks.
   */
  site;
  #makers;

  constructor(bytes, onLess, site) {
    this.bytes = bytes;
    this.#onLess = onLess;
    this.site = site;
  }

  /** The site that made most of the living parts; undefined if it is not known. */
  get maker() {
    let [most, found] = [0];
    for (const [site, bytes] of this.#makers ?? []) {
      if (bytes > most) [most, found] = [bytes, site];
    }
    return found;
  }

  #count(maker, bytes) {
    if (maker === undefined) return;
    this.#makers ??= new Map();
    this.#makers.set(maker, (this.#makers.get(maker) ?? 0) + bytes);
  }

  /** Bytes of the living parts, an estimate; they may overlap. */
  get parts() {
    if (this.#watchedBytes === 0) return 0;
    const living = (this.#madeBytes * this.#livingBytes) / this.#watchedBytes;
    return Math.min(this.bytes, Math.round(living));
  }

  /** Whether the next part, of `bytes` bytes, is to be watched. */
  next(bytes) {
    this.#madeBytes += bytes;
    this.#made++;
    if (this.#made % Math.ceil(this.#made / EACH) !== 0) return false;
    this.#watchedBytes += bytes;
    this.#livingBytes += bytes;
    this.count++;
    return true;
  }

  made(maker, bytes) {
    this.#count(maker, bytes);
  }

  /**
   * Called when a part died, or the Buffer itself (then `bytes` is 0). `heard`: the time; `maker`:
   * the part's site.
   */
  lose(bytes, heard, maker) {
    this.#count(maker, -bytes);
    if (bytes === 0) this.isGone = true;
    else this.count--;
    this.#livingBytes -= bytes;
    this.#onLess?.(heard);
  }
}

class Parts {
  #watched = new Watched(); // { whole, bytes }
  #wholes = new WeakMap(); // view -> its Whole
  /** Milliseconds that watching took; the recorder sets it back. */
  spentMs = 0;
  #makerOf;

  /**
   * `makerOf(site, below)`: the site where a part is made of a Buffer of `site`, for the caller of
   * `below`.
   */
  constructor(makerOf) {
    this.#makerOf = makerOf;
  }

  /**
   * Follows the views made of `view`, which has `bytes` bytes. Calls `onLess(heard)` when a part or
   * the view has died; `heard`: the time; `site`: the view's, if the lines that make its parts are
   * asked for.
   */
  follow(view, bytes, onLess, site) {
    const whole = new Whole(bytes, onLess, site);
    this.#wholes.set(view, whole);
    return whole;
  }

  /** Like follow(), and watches `view` at once. */
  watch(view, bytes) {
    const whole = this.follow(view, bytes);
    this.#watch(view, whole);
    return whole;
  }

  #watch(view, whole) {
    if (whole.isWatched) return;
    whole.isWatched = true;
    this.#end(view, whole, 0);
  }

  /** Called when `below` has made `part` of `view`; does nothing unless `view` is followed. */
  made(view, part, below) {
    const whole = this.#wholes.get(view);
    if (whole === undefined) return;
    const bytes = byteLengthOf(part);
    if (bytes === 0) return;
    this.#wholes.set(part, whole);
    this.#watch(view, whole);
    if (!whole.next(bytes)) return;
    const maker = whole.site && this.#makerOf?.(whole.site, below);
    whole.made(maker, bytes);
    this.#end(part, whole, bytes, maker);
  }

  /** Has `whole` lose `bytes` when `view` dies. */
  #end(view, whole, bytes, maker) {
    this.spentMs += maker === undefined ? WATCH_MS : 2 * WATCH_MS;
    this.#watched.watch(view, { whole, bytes, maker });
  }

  /** Whether made() must be called for subarray() of this view. */
  has(view) {
    return this.#wholes.has(view);
  }

  hear() {
    this.#watched.hear(({ whole, bytes, maker }, heard) => whole.lose(bytes, heard, maker));
  }

  /** Call it at the end, after a collection: reads all deaths that are left. */
  settle() {
    this.hear();
    const now = time.now();
    this.#watched.settle(({ whole, bytes, maker }) => whole.lose(bytes, now, maker));
  }
}

module.exports = { Parts, Watched };
