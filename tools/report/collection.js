'use strict';

// The blocks of a profile, added up by site and by slot.

const { events } = require('../recorder/events.js');
const { itemOf } = require('../../lib/base/item-of.js');
const { Distance } = require('../recorder/interval.js');
const { Recording } = require('../recorder/recording.js');
const { Totals } = require('../recorder/totals.js');

/** All recorders use the same slots of 2 s (docs/reference/profile-format.md). */
const SLOT_MS = 2000;

/** `count` of a cell is in units of 1/1024. */
const COUNT = 1024;

/** The length of the union of these times, in ms. */
function lengthOf(recorders) {
  let [length, end] = [0, -Infinity];
  for (const { start, until } of recorders.toSorted((a, b) => a.start - b.start)) {
    length += Math.max(0, until - Math.max(start, end));
    end = Math.max(end, until);
  }
  return length;
}

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
    for (const row of rows) this.#addCell(slot, totals, row);
    if (slot !== undefined) this.slots.add(slot);
  }

  #addCell(slot, totals, row) {
    const cell = this.#cell;
    [cell.sizeClass, cell.event, cell.bucket] = row;
    cell.samples = Number(row[3]);
    cell.count = Number(row[4]);
    cell.bytes = Number(row[5]);
    totals.add(slot, cell);
    const { event, sizeClass, bytes, count } = cell;
    if (event === events.BORN) this.distance.add(sizeClass, bytes, count / COUNT, 0);
    else if (event === events.VARIANCE) this.distance.add(sizeClass, 0, 0, bytes);
  }

  /** Sites that have cells: `{ id, source, route, frames, totals }`. */
  *sites() {
    for (const [id, totals] of this.#totals) yield { id, ...this.definitions.get(id), totals };
  }

  /** For how long anything was recorded. Recorders that run at the same time count once. */
  get seconds() {
    return lengthOf(this.recorders) / 1000;
  }

  /** ms since 1970 */
  get start() {
    return this.recorders.reduce((first, { start }) => Math.min(first, start), Infinity);
  }
}

module.exports = { COUNT, Collection, SLOT_MS };
