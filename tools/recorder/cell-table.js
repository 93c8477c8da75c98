'use strict';

// The sums of a profile: (site, key) → samples, count and bytes. Sums are exact, to 2^64, so that their order cannot
// matter: the bytes of a fleet of a thousand processes pass 2^53 in a day.

const { MOST_BYTES, WIDE, firstLength, readCell, secondLength, thirdLength } = require('./cell.js');
const { nonsenseError } = require('./errors.js');
const { longer } = require('./site-table.js');

const FIRST_PLACES = 1 << 12;
const KEYS = 1 << 16;

/** A row is its tag (site × 2^16 + key) and three sums, together half a cache line: columns of their own took four times as long. */
const WIDTH = 4;
const FIRST = 1; // of the sums

/** Rows to scan before using the hash table, and misses of all rows before they are sorted. */
const NEAR = 8;
const ENOUGH_MISSES = 8;

/** By the length of a number: what is it of the four bytes from its begin, of the next two, and of the last two. */
const LOW_MASKS = Int32Array.of(0, 0xff, 0xffff, 0xffffff, -1, -1, -1, -1, -1);
const HIGH_MASKS = Int32Array.of(0, 0, 0, 0, 0, 0xff, 0xffff, 0xffff, 0xffff);
const REST_MASKS = Int32Array.of(0, 0, 0, 0, 0, 0, 0, 0xff, 0xffff);

class CellTable {
  size = 0;
  /** Behind the row that was found last among those in order. */
  #cursor = 0;
  /** Rows that are in order, and how often a row was not found behind the last one since they were put so. */
  #ordered = 0;
  #misses = 0;
  #rows = new Float64Array((FIRST_PLACES / 2) * WIDTH);
  /** What sums have above 49 bits, at the same index: mostly 0, and then not touched. */
  #high = new Float64Array((FIRST_PLACES / 2) * WIDTH);
  /** Place → row + 1. */
  #places = new Uint32Array(FIRST_PLACES);

  /** Adds the section CELLS of a payload, whose sites have these `numbers`. */
  addAll(reader, numbers) {
    const { bytes } = reader;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let next = 0; !reader.done; next++) {
      if (next === numbers.length) throw nonsenseError();
      const count = reader.count();
      const last = this.#addSite(numbers[next], count, view, reader);
      for (let rest = last; rest > 0; rest--) this.#addSlowly(numbers[next], readCell(reader));
    }
    reader.end();
  }

  /**
   * Adds cells of a site while there is room for the longest of them behind, and returns how many are left. The hot path of merging, for
   * some 50 million cells: no object, and no call that V8 does not inline.
   */
  #addSite(site, count, view, reader) {
    const safe = view.byteLength - MOST_BYTES;
    let { at } = reader;
    let rest = count;
    for (; rest > 0 && at <= safe; rest--) {
      const head = view.getUint32(at, true);
      at += 3;
      const i = this.#rowNear(site, head & 0xffff) * WIDTH + FIRST;
      const samples = firstLength(head >>> 16);
      this.#addAt(i, view, at, samples);
      at += samples;
      const counts = secondLength(head >>> 16);
      this.#addAt(i + 1, view, at, counts);
      at += counts;
      const bytes = thirdLength((head >>> 16) & 0xff);
      this.#addAt(i + 2, view, at, bytes);
      at += bytes;
    }
    reader.at = at;
    return rest;
  }

  #addAt(i, view, at, length) {
    let value = (view.getUint32(at, true) & LOW_MASKS[length]) >>> 0;
    if (length > 4) value += (view.getUint32(at + 4, true) & HIGH_MASKS[length]) * 2 ** 32;
    const sum = this.#rows[i] + value;
    if (sum < WIDE && length < 7) this.#rows[i] = sum;
    else this.#carry(i, sum, length < 7 ? 0 : view.getUint16(at + 6, true) & REST_MASKS[length]);
  }

  #addSlowly(site, { key, numbers }) {
    const i = this.#rowOf(site, key) * WIDTH + FIRST;
    numbers.forEach(([low, high], number) => {
      this.#carry(i + number, this.#rows[i + number] + low, high);
    });
  }

  siteAt(row) {
    return Math.floor(this.#rows[row * WIDTH] / KEYS);
  }

  keyAt(row) {
    return this.#rows[row * WIDTH] % KEYS;
  }

  /** Samples, count and bytes of a row, each in two parts. */
  sumsAt(row) {
    const [rows, high] = [this.#rows, this.#high];
    const i = row * WIDTH + FIRST;
    return [
      [rows[i], high[i]],
      [rows[i + 1], high[i + 1]],
      [rows[i + 2], high[i + 2]],
    ];
  }

  /** All rows, by the ranks of their sites and then by key. */
  sorted(ranks) {
    const tags = new Float64Array(this.size);
    for (let row = 0; row < this.size; row++) {
      tags[row] = ranks[this.siteAt(row)] * KEYS + this.keyAt(row);
    }
    const siteOfRank = new Uint32Array(ranks.length);
    for (let site = 0; site < ranks.length; site++) siteOfRank[ranks[site]] = site;
    // Numbers sort ten times as fast as rows by a comparison.
    tags.sort();
    const order = new Uint32Array(this.size);
    for (let i = 0; i < order.length; i++) {
      order[i] = this.#rowOf(siteOfRank[Math.floor(tags[i] / KEYS)], tags[i] % KEYS);
    }
    return order;
  }

  /** Whether rows are looked for far away so often that it pays to put them in order. */
  get isScattered() {
    return this.#misses > ENOUGH_MISSES * this.size;
  }

  /** Puts all rows in order. */
  order(ranks) {
    const [rows, high] = [this.#rows, this.#high];
    const order = this.sorted(ranks);
    this.#rows = new Float64Array(rows.length);
    this.#high = new Float64Array(high.length);
    order.forEach((from, to) => {
      this.#rows.set(rows.subarray(from * WIDTH, (from + 1) * WIDTH), to * WIDTH);
      this.#high.set(high.subarray(from * WIDTH, (from + 1) * WIDTH), to * WIDTH);
    });
    this.#ordered = this.size;
    this.#cursor = 0;
    this.#misses = 0;
    this.#index();
  }

  #carry(i, sum, high) {
    const over = sum >= WIDE ? 1 : 0;
    this.#rows[i] = sum - over * WIDE;
    this.#high[i] += over + high;
  }

  /**
   * The row of a cell. Sums of an application have much the same cells in one order, and so have the rows: it is the next one or some behind
   * it, and in the cache. A place of the hash table, and its row, are not: 100 ns a cell.
   */
  #rowNear(site, key) {
    const tag = site * KEYS + key;
    const rows = this.#rows;
    const end = Math.min(this.#cursor + NEAR, this.#ordered);
    for (let row = this.#cursor; row < end; row++) {
      if (rows[row * WIDTH] !== tag) continue;
      this.#cursor = row + 1;
      return row;
    }
    return this.#rowFar(site, key);
  }

  #rowFar(site, key) {
    this.#misses++;
    const row = this.#rowOf(site, key);
    if (row < this.#ordered) this.#cursor = row + 1;
    return row;
  }

  /** A new row of zeros for a cell that is not known. */
  #rowOf(site, key) {
    const tag = site * KEYS + key;
    const rows = this.#rows;
    const places = this.#places;
    const mask = places.length - 1;
    let place = placeOf(site, key) & mask;
    for (;;) {
      const row = places[place] - 1;
      if (row === -1) return this.#insert(place, tag);
      if (rows[row * WIDTH] === tag) return row;
      place = (place + 1) & mask;
    }
  }

  #insert(place, tag) {
    const row = this.size++;
    this.#rows[row * WIDTH] = tag;
    this.#places[place] = row + 1;
    if (this.size * 2 === this.#places.length) this.#grow();
    return row;
  }

  #grow() {
    this.#rows = longer(this.#rows);
    this.#high = longer(this.#high);
    this.#places = longer(this.#places);
    this.#index();
  }

  /** Finds a place for all rows. */
  #index() {
    this.#places.fill(0);
    const mask = this.#places.length - 1;
    for (let row = 0; row < this.size; row++) {
      let place = placeOf(this.siteAt(row), this.keyAt(row)) & mask;
      while (this.#places[place] !== 0) place = (place + 1) & mask;
      this.#places[place] = row + 1;
    }
  }
}

/** Its lower bits depend on all bits of both. */
function placeOf(site, key) {
  const mixed = Math.imul(Math.imul(site, 0x9e3779b1) ^ key, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}

module.exports = { CellTable };
