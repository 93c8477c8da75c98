'use strict';

// The cells of a block: what happened since the last block, summed by site, size class, event and bucket.

const { itemOf } = require('../../lib/base/item-of.js');

const KEYS = 2 ** 16; // of size class, event and bucket

const newCell = () => ({ samples: 0, count: 0, bytes: 0 });

class Cells {
  #cells = new Map();

  /** `count`: 0 for events that are no samples. A sample stands for at least one allocation. */
  add(site, sizeClass, event, bucket, count, bytes) {
    const key = site.index * KEYS + ((sizeClass << 10) | (event << 6) | bucket);
    const cell = itemOf(this.#cells, key, newCell);
    if (count > 0) cell.samples++;
    cell.count += count;
    cell.bytes += bytes;
  }

  /** Returns the rows of a block, and empties the cells. */
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
