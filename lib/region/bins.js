'use strict';

// Finds free spans by size: two levels of bitmaps over lists, as in src/region/bins.rs. A bin holds
// spans of one of 32 steps between two powers of two; below 32 granules each size has a bin of its
// own.

const { SIZE, PREV, NEXT } = require('./record.js');

const BINS = 896; // up to 2^31
const ROWS = BINS >>> 5;

/** The bin for spans of `size` granules. */
function binOf(size) {
  if (size < 32) return size;
  const shift = 26 - Math.clz32(size);
  return (shift << 5) + (size >>> shift); // the highest bit of `size >>> shift` is always 1 and adds 1 to the row
}

class Bins {
  table = new Int32Array(0); // of records
  heads = new Int32Array(BINS).fill(-1); // by bin
  columns = new Int32Array(ROWS); // bits of bins that have a span
  rows = 0; // bits of rows that have a column

  /** Puts a span into a bin. */
  link(id, bin) {
    const { table, heads } = this;
    const head = heads[bin];
    table[id + PREV] = ~bin;
    table[id + NEXT] = head;
    heads[bin] = id;
    if (head >= 0) {
      table[head + PREV] = id;
      return;
    }
    const row = bin >>> 5;
    this.columns[row] |= 1 << (bin & 31);
    this.rows |= 1 << row;
  }

  unlink(id) {
    const { table } = this;
    const prev = table[id + PREV];
    const next = table[id + NEXT];
    if (next >= 0) table[next + PREV] = prev;
    if (prev >= 0) {
      table[prev + NEXT] = next;
      return;
    }
    const bin = ~prev;
    this.heads[bin] = next;
    if (next >= 0) return;
    const row = bin >>> 5;
    const columns = this.columns;
    columns[row] &= ~(1 << (bin & 31));
    if (columns[row] === 0) this.rows &= ~(1 << row);
  }

  /** Finds a free span of at least `size` granules in a few steps; -1 if that finds none. */
  find(size) {
    const heads = this.heads;
    const columns = this.columns;
    let bin = size;
    if (size >= 32) {
      const shift = 26 - Math.clz32(size);
      const first = heads[(shift << 5) + (size >>> shift)];
      if (first >= 0 && this.table[first + SIZE] >= size) return first;
      bin = binOf(size + (1 << shift) - 1); // the first bin whose spans are all large enough
    }
    let row = bin >>> 5;
    let bits = columns[row] & (-1 << (bin & 31));
    if (bits === 0) {
      const rows = this.rows & ((-1 << row) << 1); // two shifts, because a shift by 32 does nothing
      if (rows === 0) return -1;
      row = 31 - Math.clz32(rows & -rows);
      bits = columns[row];
    }
    return heads[(row << 5) + 31 - Math.clz32(bits & -bits)];
  }

  /**
   * Looks in the bin of about this size, of which find() tries only the first span. Tries at most
   * `most` spans.
   */
  search(size, most) {
    const { table } = this;
    let id = this.heads[binOf(size)];
    for (let i = 0; i < most && id >= 0; i++) {
      if (table[id + SIZE] >= size) return id;
      id = table[id + NEXT];
    }
    return -1;
  }

  /** Empties all bins. */
  unlinkAll() {
    this.heads.fill(-1);
    this.columns.fill(0);
    this.rows = 0;
  }

  /** Granules of the largest free span. */
  largestFree() {
    if (this.rows === 0) return 0;
    const row = 31 - Math.clz32(this.rows);
    let largest = 0;
    const { table } = this;
    let id = this.heads[(row << 5) + 31 - Math.clz32(this.columns[row])];
    for (; id >= 0; id = table[id + NEXT]) largest = Math.max(largest, table[id + SIZE]);
    return largest;
  }
}

module.exports = { Bins, binOf };
