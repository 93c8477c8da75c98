'use strict';

// What a run costs: from the rows that the processes of a server have written (measure.js) while
// one load ran.

const { quantileOf } = require('./buckets.js');
const { mean } = require('./statistics.js');

/** This first part of a load is not measured: V8 compiles code and grows the heap. */
const WARM_UP = 1 / 3;
/** Fewer rows of a load than these say nothing. */
const LEAST_ROWS = 4;
/** Fewer requests, if all came early, are no load, and not the beginning of WebSockets either. */
const LEAST_REQUESTS = 10;

const sumOf = (processes, figure) => processes.reduce((sum, one) => sum + figure(one), 0);

function merge(into, counts) {
  for (const [key, count] of Object.entries(counts)) into[key] = (into[key] ?? 0) + count;
  return into;
}

const merged = (rows, field) => rows.reduce((all, row) => merge(all, row[field]), {});

/** What has been done until a row: requests, or connections of a server that has no requests. */
const doneAt = ({ requests, connections }) => requests || connections;

/** The rows of a process between two times, and the last one before. */
const between = (rows, from, to) => {
  const first = Math.max(
    0,
    rows.findLastIndex(({ at }) => at <= from),
  );
  return rows.slice(first).filter(({ at }, n) => n === 0 || at <= to);
};

/** How many requests, or connections, the processes have served between two times. */
const doneIn = (processes, from, to) =>
  sumOf(
    processes.map((rows) => between(rows, from, to)),
    (rows) => doneAt(rows.at(-1)) - doneAt(rows[0]),
  );

/**
 * When requests came between `from` and `to`: `{ begin, end, isHttp }`. If none came in the second
 * half, as with WebSockets, all of the load's time; undefined if nothing came.
 */
function activeIn(processes, from, to) {
  const times = processes.flatMap((rows) =>
    between(rows, from, to)
      .filter(({ requests }, n, all) => n > 0 && requests > all[n - 1].requests)
      .map(({ at }) => at),
  );
  const end = Math.max(...times);
  if (end > (from + to) / 2) return { begin: Math.min(...times), end, isHttp: true };
  const done = doneIn(processes, from, to);
  if (done === 0 || (times.length > 0 && done < LEAST_REQUESTS)) return undefined;
  return { begin: from, end: to, isHttp: false };
}

/**
 * The cost of a load from `from` to `to`, in ms of the clock: `{ cpu, done, rate, p50, p99, peak,
 * statuses, isHttp }`. `cpu`: microseconds for each request, or for each second of a server without
 * requests; `done`: how many it served; `rate`: requests a second. Undefined if the load was too
 * short to say anything.
 */
function costOf(processes, from, to) {
  const active = activeIn(processes, from, to);
  if (active === undefined) return undefined;
  const { begin, end, isHttp } = active;
  const all = processes.map((rows) => between(rows, from, to));
  const warm = begin + (end - begin) * WARM_UP;
  const measured = all.map((rows) => between(rows, warm, end)).filter((rows) => rows.length > 1);
  if (Math.max(0, ...measured.map((rows) => rows.length)) < LEAST_ROWS) return undefined;
  const grown = (field) => sumOf(measured, (rows) => rows.at(-1)[field] - rows[0][field]);
  const seconds = mean(measured.map((rows) => (rows.at(-1).at - rows[0].at) / 1000));
  const requests = grown('requests');
  const times = merged(
    measured.flatMap((rows) => rows.slice(1)),
    'times',
  );
  return {
    cpu: grown('cpu') / (isHttp ? requests : seconds),
    ...{ done: doneIn(processes, from, to), isHttp },
    ...(isHttp && { rate: requests / seconds }),
    ...{ p50: quantileOf(times, 0.5), p99: quantileOf(times, 0.99) },
    peak: sumOf(all, (rows) => rows.at(-1).peak),
    statuses: merged(all.flat(), 'statuses'),
  };
}

/** Resident bytes at the last row. */
const restOf = (processes) => sumOf(processes, (rows) => rows.at(-1).rss);

module.exports = { costOf, doneIn, restOf };
