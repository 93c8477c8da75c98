'use strict';

// The sums of all objects with the same label. A counter adds what came since the last sums, so it
// never goes down, even if an object is gone or begins again at 0 for another arena. No object is
// created per metric: 10,000 arenas, 1,000 budgets and 100 slabs take about 2 ms, a third of it for
// WeakRefs; arenas of requests take no time.

const { itemOf } = require('../base/item-of.js');
const { warnOnce } = require('../base/warnings.js');
const { METRICS, SOURCES } = require('./table.js');

const MOST = 1000; // the most series of a metric
const OTHER = 'other'; // the label of all further ones

/** A row for each label value, shared by all sources with the same label names. */
class Rows {
  metrics; // each has a column
  now = 0; // how many sums were computed
  #gauges; // the columns that are gauges
  #rows = new Map();
  #dropped = null; // rows that these sums dropped, by name

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
    const name = given.toWellFormed(); // as UTF-8 writes it; otherwise two rows could have one name
    const known = this.#rows.get(name);
    if (known !== undefined) return known;
    if (this.#rows.size >= MOST - 1 && this.#dropped === null) this.#drop();
    if (this.#rows.size >= MOST - 1 && name !== OTHER) return this.of(OTHER);
    const width = this.metrics.length;
    const row = this.#dropped?.get(name) ?? {
      seen: this.now, // the last sums that had an object of it
      isOther: name === OTHER, // an object of this row asks for its own row again
      labels: valuesOf(name), // in the order of the label names
      values: new Float64Array(width).fill(Number.NaN), // NaN: no such series
      last: new Float64Array(width), // for sources without objects: see addTo()
    };
    this.#rows.set(name, row);
    return row;
  }

  /**
   * Makes room by dropping rows that had no object at the last sums. A row that comes back during
   * these sums goes on counting; later it begins at 0.
   */
  #drop() {
    this.#dropped = new Map([...this.#rows].filter(([, { seen }]) => seen < this.now - 1));
    for (const name of this.#dropped.keys()) this.#rows.delete(name);
  }
}

const rowsByLabels = new Map();

const makeRows = (key) => new Rows(METRICS.filter(({ labels }) => labels.join() === key));
const rowsOf = ({ labels }) => itemOf(rowsByLabels, labels.join(), makeRows);

const sources = Object.entries(SOURCES).map(([name, source]) => {
  const rows = rowsOf(source);
  const own = METRICS.filter((metric) => metric.sources.includes(name));
  const columns = own.map((metric) => ({
    read: metric.read,
    isCounter: metric.type === 'counter',
    isMax: metric.across === 'max',
    at: rows.metrics.indexOf(metric),
  }));
  return { source: name, unnamed: 'unnamed', ...source, rows, columns };
});

/** Adds `figures` to a row. `last`: their counters at the previous sums. */
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

/**
 * Returns read(), or `otherwise` with a warning if it throws: a page that lacks some series is
 * better than none.
 */
function readOr(otherwise, name, read) {
  try {
    return read();
  } catch (error) {
    warnOnce('RALLOC_METRICS_UNREAD', { name, error }, `metrics of ${name}`);
    return otherwise;
  }
}

function addAll({ source, list, look, unnamed, columns, rows }) {
  for (const entry of list.entries) {
    const object = entry.ref.deref();
    const figures = object === undefined ? null : readOr(null, source, () => look(object));
    if (figures === null) continue;
    if (entry.row === null || entry.row.isOther)
      entry.row = rows.of((entry.name ?? figures.label ?? figures.name) || unnamed);
    entry.row.seen = rows.now;
    entry.last ??= new Float64Array(rows.metrics.length);
    addTo(entry.row, columns, figures, entry.last);
  }
}

function addOnce({ source, all, valuesOf, unnamed, columns, rows }) {
  for (const [name, figures] of readOr([], source, all)) {
    const row = rows.of(name || unnamed, valuesOf);
    row.seen = rows.now;
    addTo(row, columns, figures, row.last);
  }
}

let isNew = false;

/**
 * Computes the sums, once per turn of the loop, so that all metrics of a page are from one moment.
 * `anew`: again in the same turn.
 */
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

/** Calls visit(labels, value) for each series of a metric. */
function eachSeries(metric, visit) {
  const rows = rowsOf(metric);
  const column = rows.metrics.indexOf(metric);
  for (const { labels, values } of rows.all) {
    const value = values[column];
    if (!Number.isNaN(value)) visit(labels, value);
  }
}

module.exports = { eachSeries, sum };
