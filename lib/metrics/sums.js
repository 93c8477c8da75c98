'use strict';

// What all objects of a label have together, as of now. A counter is the sum of what was added since the sums before, so it only goes up, also when an object
// is gone, or counts anew for another arena. 10,000 arenas, 1,000 budgets and 100 slabs take 1 to 2 ms: no object is made for each metric.

const { METRICS, SOURCES } = require('./table.js');

const MOST = 1000; // series of a metric
const OTHER = 'other'; // what the others are summed as
const UNNAMED = 'unnamed';

// How a metric becomes a sum.
const COUNTER = 0;
const SUM = 1;
const MOST_OF = 2;

const howOf = ({ type, across }) => {
  if (type === 'counter') return COUNTER;
  return across === 'max' ? MOST_OF : SUM;
};

const rowOf = (labels, width, isOther) => ({
  isLive: true, // some of it is there
  wasLive: false, // and was at the sums before
  isOther, // for who has no row of its own yet
  labels, // their values, in the order of the metric's
  values: new Float64Array(width).fill(Number.NaN), // NaN: no such series
});

/** The rows of all sources with the same labels. */
class Rows {
  columns = []; // metrics
  #rows = new Map();
  #mayDrop = true;

  columnOf(metric) {
    if (!this.columns.includes(metric)) this.columns.push(metric);
    return this.columns.indexOf(metric);
  }

  get all() {
    return this.#rows.values();
  }

  begin() {
    this.#mayDrop = true;
    const isCounter = this.columns.map(({ type }) => type === 'counter');
    for (const row of this.#rows.values()) {
      row.wasLive = row.isLive;
      row.isLive = false;
      for (let i = 0; i < isCounter.length; i++) if (!isCounter[i]) row.values[i] = Number.NaN;
    }
  }

  of(name, valuesOf = (name) => [name]) {
    const known = this.#rows.get(name);
    if (known !== undefined) return known;
    if (this.#rows.size >= MOST - 1 && name !== OTHER) {
      if (this.#mayDrop) this.#drop();
      if (this.#rows.size >= MOST - 1) return this.of(OTHER);
    }
    const row = rowOf(valuesOf(name), this.columns.length, name === OTHER);
    this.#rows.set(name, row);
    return row;
  }

  /** Makes room: forgets the rows of which nothing was there the last time, nor is now. */
  #drop() {
    this.#mayDrop = false;
    for (const [name, { isLive, wasLive }] of this.#rows)
      if (!(isLive || wasLive)) this.#rows.delete(name);
  }
}

const rowsByLabels = new Map();

function rowsOf({ labels }) {
  const key = labels.join();
  if (!rowsByLabels.has(key)) rowsByLabels.set(key, new Rows());
  return rowsByLabels.get(key);
}

const sources = Object.entries(SOURCES).map(([name, source]) => {
  const rows = rowsOf(source);
  const own = METRICS.filter((metric) => metric.sources.includes(name));
  const columns = own.map((metric) => rows.columnOf(metric));
  const [hows, reads] = [own.map(howOf), own.map(({ read }) => read)];
  return { ...source, rows, columns, hows, reads };
});

/** `last`: the counters of these figures at the sums before. */
function addTo({ values }, { columns, hows, reads }, figures, last) {
  for (let i = 0; i < reads.length; i++) {
    const read = reads[i];
    const value = read(figures);
    if (value === undefined) continue;
    const column = columns[i];
    const how = hows[i];
    const before = values[column] || 0;
    if (how === SUM) values[column] = before + value;
    else if (how === MOST_OF) values[column] = Math.max(before, value);
    else {
      const more = value < last[i] ? value : value - last[i];
      last[i] = value; // no call between these two
      values[column] = before + more;
    }
  }
}

function addAll(source) {
  const { list, look, unnamed = UNNAMED, reads, rows } = source;
  let isGone = false;
  for (const entry of list.entries) {
    const object = entry.ref.deref();
    if (object === undefined) isGone = true;
    const figures = object === undefined ? null : look(object);
    if (figures === null) continue;
    const name = entry.name ?? figures.name;
    if (entry.row === null || entry.rowName !== name || entry.row.isOther) {
      entry.row = rows.of(name || unnamed);
      entry.rowName = name; // the string itself: to compare it takes no look at its letters
    }
    entry.row.isLive = true;
    entry.last ??= new Float64Array(reads.length);
    addTo(entry.row, source, figures, entry.last);
  }
  if (isGone) list.sweep();
}

const lasts = new WeakMap(); // by row, of what is no object's

function addOnce(source) {
  for (const [name, figures] of source.all()) {
    const row = source.rows.of(name || UNNAMED, source.valuesOf);
    row.isLive = true;
    if (!lasts.has(row)) lasts.set(row, new Float64Array(source.rows.columns.length));
    addTo(row, source, figures, lasts.get(row));
  }
}

let isNew = false;

/** Sums, once in a turn: all metrics of a page are of one moment. `anew`: once more. */
function sum(anew = false) {
  if (isNew && !anew) return;
  for (const rows of rowsByLabels.values()) rows.begin();
  for (const source of sources) {
    if (source.list === undefined) addOnce(source);
    else addAll(source);
  }
  if (anew) return;
  isNew = true;
  Promise.resolve().then(() => {
    isNew = false;
  });
}

/** Calls visit(labels, value) with each series of a metric. */
function eachSeries(metric, visit) {
  const rows = rowsOf(metric);
  const column = rows.columnOf(metric);
  for (const { labels, values } of rows.all) {
    const value = values[column];
    if (!Number.isNaN(value)) visit(labels, value);
  }
}

module.exports = { eachSeries, sum };
