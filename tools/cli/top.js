'use strict';

// `ralloc top ADDRESS…`: what budgets, arenas, slabs and regions of servers have, live, from the pages that Prometheus reads.

const process = require('node:process');
const { setTimeout: sleep } = require('node:timers/promises');
const { parseArgs, styleText } = require('node:util');
const { formatBytes } = require('../../lib/base/bytes.js');
const { OK, UsageError } = require('./exit.js');
const { checkAddress, readPage, sumOf } = require('./metrics-page.js');
const { print, visible } = require('./print.js');

const summary = "show what servers' arenas, slabs and budgets have, live, from their metrics";
const usage = `Usage: ralloc top [options] ADDRESS...

Reads the metrics of servers, as Prometheus does, and shows budgets, arenas, slabs and regions with their rates. Whatever made the page:
prom-client, metricsText() or OpenTelemetry's exporter. Ctrl-C ends it. Where standard output is no terminal, frame follows frame, as text.

  --once              one frame, as JSON
  -i, --interval S    seconds between two frames (default: 2)

Example: ralloc top http://localhost:3000/metrics`;

const OPTIONS = {
  once: { type: 'boolean', default: false },
  interval: { type: 'string', short: 'i', default: '2' },
};

const WIDTH = 80;

const bytes = (value) =>
  formatBytes(Math.round(value))
    .replace(/ (.)i?B$/, '$1')
    .replace(/ B$/, 'B');
const number = (value) =>
  Number.isInteger(value) ? `${value}` : value.toFixed(value < 10 ? 1 : 0);
const limit = (value) => (value === 0 ? '-' : bytes(value)); // 0: that of a budget
const rate = (value) => `${number(value)}/s`;
const ratio = (value) => `${Math.round(100 * value)}%`;

/** Tables: the label, and columns [heading, metric without what it begins with, as it is shown]. Rates are of counters. */
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

/** Of the process: the first metric that there is. */
const PROCESS = {
  resident: ['process_resident_memory_bytes', 'ralloc_process_resident_bytes'],
  limit: ['ralloc_process_memory_limit_bytes'],
  heap: ['nodejs_heap_size_used_bytes'],
  heapLimit: ['ralloc_process_heap_limit_bytes'],
  collections: ['nodejs_gc_duration_seconds_count'],
};

const first = (series, names) =>
  names.map((name) => sumOf(series, name)).find((value) => value !== undefined) ?? null;

/** The rows of a table: { name: { metric: value } }. Slabs that processes share have metrics of their own. */
function rowsOf(series, label) {
  const rows = {};
  const names = new Set(
    series.flatMap(({ name, labels }) =>
      name.startsWith(`ralloc_${label}_`) && labels[label] !== undefined ? labels[label] : [],
    ),
  );
  for (const name of names) {
    const row = {};
    for (const [, metric] of TABLES[label]) {
      const own = sumOf(series, `ralloc_${label}_${metric}`, label, name);
      row[metric] = own ?? sumOf(series, `ralloc_shared_${label}_${metric}`, label, name) ?? null;
    }
    rows[name] = row;
  }
  return rows;
}

/** What a page has, at a time in ms. */
function sample(series, at) {
  const own = Object.entries(PROCESS).map(([name, metrics]) => [name, first(series, metrics)]);
  const tables = Object.keys(TABLES).map((label) => [label, rowsOf(series, label)]);
  return { at, process: Object.fromEntries(own), ...Object.fromEntries(tables) };
}

/** A counter in a second, since the sample before; null without one. A process that began anew counts from 0. */
function rateOf(now, before, seconds) {
  if (now === null || (before ?? null) === null) return null;
  return (now < before ? now : now - before) / seconds;
}

/** The same with rates in place of counters. */
function withRates(now, before) {
  const seconds = before === null ? 1 : Math.max((now.at - before.at) / 1000, 0.001);
  const { collections } = now.process;
  const frame = {
    process: {
      ...now.process,
      collections: rateOf(collections, before?.process.collections, seconds),
    },
  };
  for (const [label, columns] of Object.entries(TABLES)) {
    frame[label] = {};
    for (const [name, values] of Object.entries(now[label])) {
      const row = { ...values };
      for (const [, metric] of columns)
        if (metric.endsWith('_total'))
          row[metric] = rateOf(values[metric], before?.[label][name]?.[metric], seconds);
      frame[label][name] = row;
    }
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

const cut = (text, width) =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);

/** The lines of a table over all frames; none without rows. */
function tableLines(label, frames, style) {
  const columns = TABLES[label];
  const width = 8;
  const nameWidth = WIDTH - columns.length * (width + 1);
  const rows = frames.flatMap((frame, i) =>
    Object.entries(frame[label] ?? {}).map(([name, row]) => [
      frames.length > 1 ? `${i + 1} ${name}` : name,
      row,
    ]),
  );
  if (rows.length === 0) return [];
  const heading = columns.map(([title]) => ` ${title.padStart(width)}`).join('');
  const lines = rows.map(([name, row]) => {
    const cells = columns.map(([, metric, show]) => ` ${shown(show, row[metric]).padStart(width)}`);
    return cut(visible(name.replaceAll(/[\n\t]/g, ' ')), nameWidth) + cells.join('');
  });
  return ['', style('bold', cut(`${label}s`.toUpperCase(), nameWidth) + heading), ...lines];
}

function render(addresses, frames, style) {
  const heads = frames.flatMap((frame, i) => {
    const number = frames.length > 1 ? `${i + 1} ` : '';
    const line = frame.error ?? processLine(frame.process);
    return [
      style('bold', cut(number + addresses[i], WIDTH).trimEnd()),
      `  ${line}`.slice(0, WIDTH),
    ];
  });
  return [...heads, ...Object.keys(TABLES).flatMap((label) => tableLines(label, frames, style))];
}

/** Pages of servers, with what was seen before. */
class Watch {
  #addresses;
  #before;

  constructor(addresses) {
    this.#addresses = addresses;
    this.#before = addresses.map(() => null);
  }

  /** Rejects where a server that has never answered does not. */
  async #frame(address, i) {
    try {
      const now = sample(await readPage(address), Date.now());
      const frame = withRates(now, this.#before[i]);
      this.#before[i] = now;
      return frame;
    } catch (error) {
      if (this.#before[i] === null || error.code === undefined) throw error;
      return { error: error.message };
    }
  }

  frames() {
    return Promise.all(this.#addresses.map((address, i) => this.#frame(address, i)));
  }
}

function intervalOf(text) {
  const seconds = Number(text);
  if (seconds >= 0.1 && seconds <= 3600) return 1000 * seconds;
  throw new UsageError(`--interval must be 0.1 to 3600 seconds, not ${text}`);
}

/** Frame after frame, until Ctrl-C. */
async function live(addresses, watch, interval) {
  const { stdout } = process;
  const isTerminal = stdout.isTTY === true;
  const style = isTerminal && process.env.NO_COLOR === undefined ? styleText : (_, text) => text;
  const end = new AbortController();
  const stop = () => end.abort();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);
  try {
    while (!end.signal.aborted) {
      const frames = await watch.frames();
      const text = `${render(addresses, frames, style).join('\n')}\n`;
      stdout.write(isTerminal ? `\x1b[?25l\x1b[H\x1b[2J${text}` : `${text}\n`);
      await sleep(interval, undefined, { signal: end.signal }).catch(() => {});
    }
  } finally {
    if (isTerminal) stdout.write('\x1b[?25h');
    for (const signal of ['SIGINT', 'SIGTERM']) process.removeListener(signal, stop);
  }
}

async function run(argv) {
  const { values, positionals: addresses } = parseArgs({
    args: argv,
    options: OPTIONS,
    allowPositionals: true,
  });
  if (addresses.length === 0)
    throw new UsageError('Give the address of a server: ralloc top http://localhost:3000/metrics');
  for (const address of addresses) checkAddress(address);
  const interval = intervalOf(values.interval);
  const watch = new Watch(addresses);
  if (values.once) {
    const frames = await watch.frames();
    print(
      JSON.stringify(
        addresses.map((address, i) => ({ address, ...frames[i] })),
        null,
        2,
      ),
    );
  } else await live(addresses, watch, interval);
  return OK;
}

module.exports = { summary, usage, run };
