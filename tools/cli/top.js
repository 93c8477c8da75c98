'use strict';

// `ralloc top ADDRESS…`: shows live figures of the budgets, arenas, slabs and regions of servers, from the pages that Prometheus reads.

const process = require('node:process');
const { setTimeout: sleep } = require('node:timers/promises');
const { styleText } = require('node:util');
const { formatBytes } = require('../../lib/base/bytes.js');
const { OK, UsageError } = require('./exit.js');
const { checkAddress, failed, readPage, sumOf, withoutPassword } = require('./metrics-page.js');
const { cut, print, visible } = require('./print.js');

const summary = "show what servers' arenas, slabs and budgets have, live, from their metrics";
const usage = `Usage: ralloc top [options] ADDRESS...

Reads the metrics of servers, as Prometheus does, and shows budgets, arenas, slabs and regions with their rates. It does not matter what
made the page: prom-client, metricsText() or OpenTelemetry's exporter. Ctrl-C ends it. If standard output is not a terminal, frames are printed one after another.

  --once              what there is now, as JSON; counters as they are, without rates
  -i, --interval S    seconds between two frames (default: 2)

Example: ralloc top http://localhost:3000/metrics`;

const OPTIONS = {
  once: { type: 'boolean', default: false },
  interval: { type: 'string', short: 'i', default: '2' },
};

const WIDTH = 80;
const LEAST_NAME = 10; // columns; on a narrow terminal the last figures are cut off

const bytes = (value) =>
  formatBytes(Math.round(value))
    .replace(/ (.)i?B$/, '$1')
    .replace(/ B$/, 'B');
const number = (value) =>
  Number.isInteger(value) ? `${value}` : value.toFixed(value < 10 ? 1 : 0);
const limit = (value) => (value === 0 ? '-' : bytes(value)); // 0: only the budget limits it
const rate = (value) => `${number(value)}/s`;
const ratio = (value) => `${Math.round(100 * value)}%`;

/** Label of a table → its columns: [heading, metric without `ralloc_` and the label, how it is shown]. Counters are shown as rates. */
const TABLES = {
  budget: [
    ['used', 'used_bytes', bytes],
    ['limit', 'limit_bytes', limit],
    ['peak', 'peak_bytes', bytes],
    ['waiting', 'waiting', number],
    ['refused', 'refused_total', rate],
    ['full', 'pressure_total', rate],
  ],
  arena: [
    ['requests', 'requests_total', rate],
    ['flight', 'requests_in_flight', number],
    ['leased', 'leased_bytes', bytes],
    ['limit', 'limit_bytes', limit],
    ['held', 'held_bytes', bytes],
    ['quarant.', 'quarantined_bytes', bytes],
    ['heap', 'heap_requests_total', rate],
  ],
  slab: [
    ['buffers', 'buffers', number],
    ['used', 'used_bytes', bytes],
    ['memory', 'committed_bytes', bytes],
    ['limit', 'limit_bytes', limit],
    ['free', 'free_slots', number],
    ['exhaust.', 'exhausted_total', rate],
    ['promoted', 'promoted_total', rate],
  ],
  region: [
    ['buffers', 'buffers', number],
    ['used', 'used_bytes', bytes],
    ['reserved', 'reserved_bytes', bytes],
    ['limit', 'limit_bytes', limit],
    ['fragment', 'fragmentation_ratio', ratio],
    ['failed', 'failed_total', rate],
  ],
};

/** Figure of the process → its metrics. The first one on the page is shown. */
const PROCESS = {
  resident: ['process_resident_memory_bytes', 'ralloc_process_resident_bytes'],
  limit: ['ralloc_process_memory_limit_bytes'],
  heap: ['nodejs_heap_size_used_bytes'],
  heapLimit: ['ralloc_process_heap_limit_bytes'],
  collections: ['nodejs_gc_duration_seconds_count'],
};

const first = (page, names) =>
  names.map((name) => sumOf(page, name)).find((value) => value !== undefined) ?? null;

/** The rows of a table: { name: { metric: value } }. Slabs shared by processes have metrics of their own. */
function rowsOf(page, label) {
  const rows = Object.create(null); // a name may be `__proto__`
  const metrics = TABLES[label].map(([, metric]) => metric);
  for (const metric of metrics) {
    const names = ['ralloc', 'ralloc_shared'].map((prefix) => `${prefix}_${label}_${metric}`);
    for (const { labels, value } of names.flatMap((name) => page.get(name) ?? [])) {
      const name = labels[label];
      if (name === undefined) continue;
      rows[name] ??= Object.fromEntries(metrics.map((metric) => [metric, null]));
      rows[name][metric] += value;
    }
  }
  return rows;
}

/** The figures of a page. */
async function sampleOf(address, options) {
  const page = await readPage(address, options);
  const own = Object.entries(PROCESS).map(([name, metrics]) => [name, first(page, metrics)]);
  const tables = Object.keys(TABLES).map((label) => [label, rowsOf(page, label)]);
  return { process: Object.fromEntries(own), ...Object.fromEntries(tables) };
}

/** How fast a counter grew since the previous sample, per second; null without one. After a restart of the process it counts from 0. */
function rateOf(now, before, seconds) {
  if (now === null || (before ?? null) === null) return null;
  return (now < before ? now : now - before) / seconds;
}

/** `now` with rates instead of counters. `before`: the sample `seconds` ago, or null. */
function withRates(now, before, seconds) {
  const collections = rateOf(now.process.collections, before?.process.collections, seconds);
  const frame = { process: { ...now.process, collections } };
  for (const [label, columns] of Object.entries(TABLES)) {
    const counters = columns.map(([, metric]) => metric).filter((one) => one.endsWith('_total'));
    frame[label] = Object.entries(now[label]).map(([name, values]) => {
      const row = { ...values };
      for (const metric of counters)
        row[metric] = rateOf(values[metric], before?.[label][name]?.[metric], seconds);
      return [name, row];
    });
  }
  return frame;
}

const shown = (show, value) => (value === null || Number.isNaN(value) ? '-' : show(value));

function processLine({ resident, limit, heap, heapLimit, collections }) {
  const parts = [
    `RSS ${shown(bytes, resident)} of ${shown(bytes, limit)}`,
    `V8's heap ${shown(bytes, heap)} of ${shown(bytes, heapLimit)}`,
    `collections ${shown(rate, collections)}`,
  ];
  return parts.join('   ');
}

const CELL = 8;

function cell(show, value) {
  const text = shown(show, value);
  return ` ${text.length > CELL ? value.toExponential(1) : text.padStart(CELL)}`;
}

/** The lines of a table with the rows of all frames: [text, whether it is a heading]; none without rows. Shows at most `most` rows, those with the highest value in the first column. */
function tableLines(label, frames, most, width) {
  const columns = TABLES[label];
  const nameWidth = Math.max(LEAST_NAME, width - columns.length * (CELL + 1));
  const rows = frames.flatMap((frame, i) =>
    (frame[label] ?? []).map(([name, row]) => [frames.length > 1 ? `${i + 1} ${name}` : name, row]),
  );
  if (rows.length === 0) return [];
  const [[, main]] = columns;
  const isLong = rows.length > most;
  if (isLong) rows.sort(([, a], [, b]) => (b[main] || 0) - (a[main] || 0));
  const heading = columns.map(([title]) => ` ${title.padStart(CELL)}`).join('');
  const lines = rows.slice(0, most).map(([name, row]) => {
    const cells = columns.map(([, metric, show]) => cell(show, row[metric]));
    return [cut(visible(name.replaceAll(/[\n\t]/g, ' ')), nameWidth) + cells.join(''), false];
  });
  if (isLong) lines.push([`… ${rows.length - most} more`, false]);
  return [['', false], [cut(`${label}s`.toUpperCase(), nameWidth) + heading, true], ...lines];
}

/** The lines that show frames on a terminal with so many columns and rows. */
function render(addresses, frames, { columns, rows }) {
  const heads = frames.flatMap((frame, i) => {
    const number = frames.length > 1 ? `${i + 1} ` : '';
    const line = frame.error ?? processLine(frame.process);
    return [
      [number + withoutPassword(addresses[i]), true],
      [`  ${line}`, false],
    ];
  });
  const labels = Object.keys(TABLES).filter((label) =>
    frames.some((one) => one[label]?.length > 0),
  );
  // Besides its rows, a table has 3 lines: an empty one, its heading, and the number of rows that are left out.
  const most = Math.max(1, Math.floor((rows - 1 - heads.length) / labels.length) - 3);
  const lines = [...heads, ...labels.flatMap((label) => tableLines(label, frames, most, columns))];
  return lines
    .slice(0, rows - 1)
    .map(([text, isHeading]) => [cut(visible(text), columns).trimEnd(), isHeading]);
}

/** Returns frames(signal), which reads the pages of servers, with rates since the call before. It rejects if no server has ever answered. */
function watching(addresses) {
  const seen = addresses.map(() => null); // the previous sample of each
  const frameOf = async (address, i, signal) => {
    try {
      const before = seen[i];
      const [now, at] = [await sampleOf(address, { signal }), performance.now()];
      seen[i] = { now, at };
      const seconds = Math.max((at - (before?.at ?? 0)) / 1000, 0.001);
      return withRates(now, before?.now ?? null, seconds);
    } catch (error) {
      if (signal.aborted) throw error;
      return failed(error);
    }
  };
  return async (signal) => {
    const frames = await Promise.all(addresses.map((one, i) => frameOf(one, i, signal)));
    if (seen.every((sample) => sample === null)) throw frames[0].cause;
    return frames;
  };
}

function intervalOf(text) {
  const seconds = Number(text);
  if (seconds >= 0.1 && seconds <= 3600) return 1000 * seconds;
  throw new UsageError(`--interval must be 0.1 to 3600 seconds, not ${text}`);
}

async function once(addresses) {
  const all = await Promise.all(addresses.map((address) => sampleOf(address).catch(failed)));
  if (all.every(({ cause }) => cause !== undefined)) throw all[0].cause;
  const named = all.map(({ cause, ...one }, i) => ({
    address: withoutPassword(addresses[i]),
    ...one,
  }));
  print(JSON.stringify(named, null, 2));
}

const isScreen = () => process.stdout.isTTY === true && process.env.TERM !== 'dumb';

/** Shows frame after frame, until `signal` is aborted. */
async function show(addresses, interval, signal) {
  const { stdout } = process;
  const isTerminal = isScreen();
  const isBold = isTerminal && process.env.NO_COLOR === undefined;
  const framesOf = watching(addresses);
  while (!signal.aborted) {
    const frames = await framesOf(signal);
    const columns = Math.min((isTerminal && stdout.columns) || WIDTH, WIDTH);
    const rows = (isTerminal && stdout.rows) || Infinity;
    const lines = render(addresses, frames, { columns, rows }).map(([text, isHeading]) =>
      isHeading && isBold ? styleText('bold', text) : text,
    );
    const text = `${lines.join('\n')}\n`;
    stdout.write(isTerminal ? `\x1b[?25l\x1b[H\x1b[2J${text}` : `${text}\n`);
    await sleep(interval, undefined, { signal });
  }
}

/** Shows frames until Ctrl-C, which also ends the wait for a server. */
async function live(addresses, interval) {
  const end = new AbortController();
  const stop = () => end.abort();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);
  try {
    await show(addresses, interval, end.signal);
  } catch (error) {
    if (!end.signal.aborted) throw error;
  } finally {
    stop(); // the requests that are not answered yet
    if (isScreen()) process.stdout.write('\x1b[?25h');
    for (const signal of ['SIGINT', 'SIGTERM']) process.removeListener(signal, stop);
  }
}

async function run(values, addresses) {
  if (addresses.length === 0)
    throw new UsageError('Give the address of a server: ralloc top http://localhost:3000/metrics');
  for (const address of addresses) checkAddress(address);
  const interval = intervalOf(values.interval);
  if (values.once) await once(addresses);
  else await live(addresses, interval);
  return OK;
}

module.exports = { summary, usage, options: OPTIONS, run };
