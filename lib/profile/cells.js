'use strict';

// What happened since the last block: sums by site, size class, event and bucket.

const KEYS = 2 ** 16; // of size class, event and bucket

class Cell {
  count = 0;
  bytes = 0;
  #samples = 0;
  #squares = 0;

  add(count, bytes) {
    this.count += count;
    this.bytes += bytes;
    this.#samples++;
    this.#squares += bytes * bytes;
  }

  /**
   * Samples of one weight: where the mean distance changed there are more, but those of small weight tell less, and the error would be larger than
   * 2/sqrt(n).
   */
  get samples() {
    if (this.#squares === 0) return this.#samples;
    return Math.max(
      1,
      Math.min(this.#samples, Math.round((this.bytes * this.bytes) / this.#squares)),
    );
  }
}

class Cells {
  #cells = new Map();

  add(site, sizeClass, event, bucket, count, bytes) {
    const key = site.index * KEYS + ((sizeClass << 10) | (event << 6) | bucket);
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = new Cell();
      this.#cells.set(key, cell);
    }
    cell.add(count, bytes);
  }

  /** The rows of a block, and none of them a second time. */
  take(sites) {
    const rows = [];
    for (const [key, { samples, count, bytes }] of this.#cells) {
      const rest = key % KEYS;
      const site = sites.get((key - rest) / KEYS).id;
      const [sizeClass, event, bucket] = [rest >>> 10, (rest >>> 6) & 15, rest & 63];
      rows.push({ site, sizeClass, event, bucket, samples, count, bytes });
    }
    this.#cells.clear();
    return rows;
  }
}

module.exports = { Cells };
