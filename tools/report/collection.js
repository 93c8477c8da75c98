'use strict';

// The blocks of a profile, added up by site and by slot.

const { itemOf } = require('../../lib/base/item-of.js');
const { events } = require('../recorder/events.js');
const { Distance } = require('../recorder/interval.js');
const { Recording } = require('../recorder/recording.js');
const { COUNT, Totals } = require('../recorder/totals.js');

class Collection extends Recording {
  #totals = new Map(); // id of a site → its totals
  /** slot → [{ pid, rss, arrayBuffers, external, heapUsed, live }] */
  process = new Map();
  /** The mean distance between samples. */
  distance = new Distance();
  /** The slots with events. */
  slots = new Set();
  /** One object that every line is read into: a large profile has millions of lines. */
  #cell = { event: 0, sizeClass: 0, bucket: 0, samples: 0, count: 0, bytes: 0 };

  addProcess(row, recorder) {
    itemOf(this.process, row.slot, () => []).push({ pid: recorder?.pid, ...row });
  }

  /** Merged blocks have no `slot`; their sites have no history. */
  addCells(id, rows, slot) {
    const totals = itemOf(this.#totals, id, () => new Totals());
    const cell = this.#cell;
    for (const row of rows) {
      [cell.sizeClass, cell.event, cell.bucket] = row;
      [cell.samples, cell.count, cell.bytes] = [Number(row[3]), Number(row[4]), Number(row[5])];
      totals.add(slot, cell);
      const { event, sizeClass, bytes, count } = cell;
      if (event === events.BORN) this.distance.add(sizeClass, bytes, count / COUNT, 0);
      else if (event === events.VARIANCE) this.distance.add(sizeClass, 0, 0, bytes);
    }
    if (slot !== undefined) this.slots.add(slot);
  }

  /** Sites that have cells: `{ id, source, route, frames, totals }`. */
  *sites() {
    for (const [id, totals] of this.#totals) yield { id, ...this.definitions.get(id), totals };
  }

  /** For how long anything was recorded. Recorders that run at the same time count once. */
  get seconds() {
    let [ms, end] = [0, -Infinity];
    for (const { start, until } of this.recorders.sort((a, b) => a.start - b.start)) {
      ms += Math.max(0, until - Math.max(start, end));
      end = Math.max(end, until);
    }
    return ms / 1000;
  }

  /** ms since 1970 */
  get start() {
    return this.recorders.reduce((first, { start }) => Math.min(first, start), Infinity);
  }
}

module.exports = { Collection };
