'use strict';

// The blocks of a profile, added up by site and by slot.

const { itemOf } = require('../../lib/base/item-of.js');
const { events } = require('../recorder/events.js');
const { Recording } = require('../recorder/recording.js');
const { COUNT, Distance, Totals, cellOf } = require('../recorder/totals.js');

class Collection extends Recording {
  #totals = new Map(); // id of a site → its totals
  process = new Map(); // slot → [{ pid, rss, arrayBuffers, external, heapUsed, live }]
  distance = new Distance();
  slots = new Set(); // those with events

  addProcess(row, recorder) {
    itemOf(this.process, row.slot, () => []).push({ pid: recorder?.pid, ...row });
  }

  /** Merged blocks have no `slot`; their sites have no history. */
  addCells(id, rows, slot) {
    const totals = itemOf(this.#totals, id, () => new Totals());
    for (const cell of rows.map(cellOf)) {
      const { sizeClass, event, count, bytes } = cell;
      totals.add(slot, cell);
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
}

module.exports = { Collection };
