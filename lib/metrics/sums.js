'use strict';

// What all objects of a label have together, as of now. A counter is the sum of what was added since the sums before, so it only goes up, also when an object
// is gone, or counts anew for another arena. 10,000 arenas, 1,000 budgets and 100 slabs take 1 to 2 ms: no object is made for each metric.

const { METRICS, SOURCES } = require('./table.js');

const MOST = 1000; // series of a metric
const OTHER = 'other'; // what the others are summed as

/** The rows of all sources with the same labels. */
class Rows {
  metrics; // a column each
  now = 0; // counts the sums
  #gauges; // columns
  #rows = new Map();
  #dropped = null; // by name, at these sums

  constructor(metrics) {
    this.metrics = metrics;
    this.#gauges = [...metrics.keys()].filter((column) => metrics[column].type === 'gauge');
  }

  get all() {
    return this.#rows.values();
  }

  begin() {
    this.now++;
    this.#dropped = null;
    for (const { values } of this.#rows.values())
      for (const column of this.#gauges) values[column] = Number.NaN;
  }

  of(given, valuesOf = (name) => [name]) {
    const name = given.toWellFormed(); // as text it is read like that, and two rows would be of one name
    const known = this.#rows.get(name);
    if (known !== undefined) return known;
    if (this.#rows.size >= MOST - 1 && this.#dropped === null) this.#drop();
    if (this.#rows.size >= MOST - 1 && name !== OTHER) return this.of(OTHER);
    const width = this.metrics.length;
    const row = this.#dropped?.get(name) ?? {
      seen: this.now, // when some of it was there
      isOther: name === OTHER, // for who has no row of its own yet
      labels: valuesOf(name), // in the order of the metric's
      values: new Float64Array(width).fill(Number.NaN), // NaN: no such series
      last: new Float64Array(width), // of what is no object's: see addTo()
    };
    this.#rows.set(name, row);
    return row;
  }

  /** Makes room: forgets rows of which nothing was there the last time. One that comes back on this page goes on; later it counts anew. */
  #drop() {
    this.#dropped = new Map([...this.#rows].filter(([, { seen }]) => seen < this.now - 1));
    for (const name of this.#dropped.keys()) this.#rows.delete(name);
  }
}

const rowsByLabels = new Map();

function rowsOf({ labels }) {
  const key = labels.join();
  if (!rowsByLabels.has(key))
    rowsByLabels.set(key, new Rows(METRICS.filter((metric) => metric.labels.join() === key)));
  return rowsByLabels.get(key);
}

const sources = Object.entries(SOURCES).map(([name, source]) => {
  const rows = rowsOf(source);
  const own = METRICS.filter((metric) => metric.sources.includes(name));
  const columns = own.map((metric) => ({
    read: metric.read,
    isCounter: metric.type === 'counter',
    isMax: metric.across === 'max',
    at: rows.metrics.indexOf(metric),
  }));
  return { unnamed: 'unnamed', ...source, rows, columns };
});

/** `last`: the counters of these figures at the sums before. */
function addTo({ values }, columns, figures, last) {
  for (const { read, isCounter, isMax, at } of columns) {
    const value = read(figures);
    if (value === undefined) continue;
    const before = values[at] || 0;
    if (!isCounter) values[at] = isMax ? Math.max(before, value) : before + value;
    else {
      const more = value < last[at] ? value : value - last[at];
      last[at] = value; // no call between these two
      values[at] = before + more;
    }
  }
}

function addAll({ list, look, unnamed, columns, rows }) {
  for (const entry of list.entries) {
    const object = entry.ref.deref();
    const figures = object === undefined ? null : look(object);
    if (figures === null) continue;
    if (entry.row === null || entry.row.isOther)
      entry.row = rows.of((entry.name ?? figures.label ?? figures.name) || unnamed);
    entry.row.seen = rows.now;
    entry.last ??= new Float64Array(rows.metrics.length);
    addTo(entry.row, columns, figures, entry.last);
  }
}

function addOnce({ all, valuesOf, unnamed, columns, rows }) {
  for (const [name, figures] of all()) {
    const row = rows.of(name || unnamed, valuesOf);
    row.seen = rows.now;
    addTo(row, columns, figures, row.last);
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
  const column = rows.metrics.indexOf(metric);
  for (const { labels, values } of rows.all) {
    const value = values[column];
    if (!Number.isNaN(value)) visit(labels, value);
  }
}

module.exports = { eachSeries, sum };
