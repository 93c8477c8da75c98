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

const WIDTH = 80;
const LEAST_NAME = 10; // columns; on a narrow terminal the last figures are cut off

const bytes = (value) =>
  formatBytes(Math.round(value))
    .replace(/ (.)i?B$/, '$1')
    .replace(/ B$/, 'B');
const number = (value) =>
  Number.isInteger(value) ? `${value}` : value.toFixed(value < 10 ? 1 : 0);
const rate = (value) => `${number(value)}/s`;

/** End of a metric → how it is shown. Counters are shown as rates. */
const SHOWN = {
  limit_bytes: (value) => (value === 0 ? '-' : bytes(value)), // 0: only the budget limits it
  bytes,
  total: rate,
  ratio: (value) => `${Math.round(100 * value)}%`,
};

const showOf = (metric) =>
  Object.entries(SHOWN).find(([end]) => metric.endsWith(end))?.[1] ?? number;

/** Label of a table → its columns: metric without `ralloc_` and the label → heading. */
const TABLES = {
  budget: {
    ...{ used_bytes: 'used', limit_bytes: 'limit', peak_bytes: 'peak' },
    ...{ waiting: 'waiting', refused_total: 'refused', pressure_total: 'full' },
  },
  arena: {
    ...{ requests_total: 'requests', requests_in_flight: 'flight', leased_bytes: 'leased' },
    ...{ limit_bytes: 'limit', held_bytes: 'held', quarantined_bytes: 'quarant.' },
    heap_requests_total: 'heap',
  },
  slab: {
    ...{ buffers: 'buffers', used_bytes: 'used', committed_bytes: 'memory' },
    ...{ limit_bytes: 'limit', free_slots: 'free', exhausted_total: 'exhaust.' },
    promoted_total: 'promoted',
  },
  region: {
    ...{ buffers: 'buffers', used_bytes: 'used', reserved_bytes: 'reserved' },
    ...{ limit_bytes: 'limit', fragmentation_ratio: 'fragment', failed_total: 'failed' },
  },
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
  const metrics = Object.keys(TABLES[label]);
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

const COUNTER = /_total$|^collections$/;

/** The figures of a sample, or of a part of one, with rates instead of counters. `before`: those of `seconds` ago, or undefined. */
const withRates = (now, before, seconds) =>
  Object.fromEntries(
    Object.entries(now).map(([name, value]) => {
      const was = before?.[name];
      if (value !== null && typeof value === 'object')
        return [name, withRates(value, was, seconds)];
      return [name, COUNTER.test(name) ? rateOf(value, was, seconds) : value];
    }),
  );

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

function cell(metric, value) {
  const text = shown(showOf(metric), value);
  return ` ${text.length > CELL ? value.toExponential(1) : text.padStart(CELL)}`;
}

/** The lines of a table with the rows of all frames, the first of them its heading; none without rows. Shows at most `most` rows, those with the highest value in the first column. */
function tableLines(label, frames, most, width) {
  const columns = Object.keys(TABLES[label]);
  const nameWidth = Math.max(LEAST_NAME, width - columns.length * (CELL + 1));
  const rows = frames.flatMap((frame, i) =>
    Object.entries(frame[label] ?? {}).map(([name, row]) => [numbered(frames, i) + name, row]),
  );
  if (rows.length === 0) return [];
  const [main] = columns;
  if (rows.length > most) rows.sort(([, a], [, b]) => (b[main] || 0) - (a[main] || 0));
  const headings = Object.values(TABLES[label]).map((title) => ` ${title.padStart(CELL)}`);
  const lines = rows.slice(0, most).map(([name, row]) => {
    const cells = columns.map((metric) => cell(metric, row[metric]));
    return cut(visible(name.replaceAll(/[\n\t]/g, ' ')), nameWidth) + cells.join('');
  });
  const rest = rows.length - lines.length;
  const heading = cut(`${label}s`.toUpperCase(), nameWidth) + headings.join('');
  return [heading, ...lines, ...(rest > 0 ? [`… ${rest} more`] : [])];
}

/** The number of a server if there are several, before its address and its rows. */
const numbered = (frames, i) => (frames.length > 1 ? `${i + 1} ` : '');

/** The text that shows frames on a terminal with so many columns and rows. `bold(text)`: a heading. */
function render(addresses, frames, { columns, rows, bold }) {
  const fit = (text) => cut(visible(text), columns).trimEnd();
  const heads = frames.flatMap((frame, i) => [
    bold(fit(numbered(frames, i) + withoutPassword(addresses[i]))),
    fit(`  ${frame.error ?? processLine(frame.process)}`),
  ]);
  const labels = Object.keys(TABLES).filter((label) =>
    frames.some((one) => Object.keys(one[label] ?? {}).length > 0),
  );
  // Besides its rows, a table has 3 lines: an empty one, its heading, and the number of rows that are left out.
  const most = Math.max(1, Math.floor((rows - 1 - heads.length) / labels.length) - 3);
  const tables = labels.flatMap((label) => {
    const [heading, ...lines] = tableLines(label, frames, most, columns).map(fit);
    return ['', bold(heading), ...lines];
  });
  return `${[...heads, ...tables].slice(0, rows - 1).join('\n')}\n`;
}

/** Returns frames(signal), which reads the pages of servers, with rates since the call before. It rejects if no server has ever answered. */
function watching(addresses) {
  const seen = addresses.map(() => undefined); // the previous sample of each
  const frameOf = async (address, i, signal) => {
    const now = await sampleOf(address, { signal }).catch(failed);
    if (now.error !== undefined) return now;
    const [before, at] = [seen[i], performance.now()];
    seen[i] = { now, at };
    return withRates(now, before?.now, Math.max((at - (before?.at ?? 0)) / 1000, 0.001));
  };
  return async (signal) => {
    const frames = await Promise.all(addresses.map((one, i) => frameOf(one, i, signal)));
    if (seen.every((sample) => sample === undefined)) throw frames[0].cause;
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

/** Shows frame after frame until Ctrl-C, which also ends the wait for a server. */
async function live(addresses, interval) {
  const { stdout } = process;
  const isScreen = stdout.isTTY === true && process.env.TERM !== 'dumb';
  const isBold = isScreen && process.env.NO_COLOR === undefined;
  const bold = (text) => (isBold ? styleText('bold', text) : text);
  const framesOf = watching(addresses);
  const end = new AbortController();
  const { signal } = end;
  const stop = () => end.abort();
  for (const name of ['SIGINT', 'SIGTERM']) process.once(name, stop);
  try {
    for (;;) {
      const frames = await framesOf(signal);
      if (signal.aborted) break;
      const columns = Math.min((isScreen && stdout.columns) || WIDTH, WIDTH);
      const rows = (isScreen && stdout.rows) || Infinity;
      const text = render(addresses, frames, { columns, rows, bold });
      stdout.write(isScreen ? `\x1b[?25l\x1b[H\x1b[2J${text}` : `${text}\n`);
      await sleep(interval, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    stop(); // the requests that are not answered yet
    if (isScreen) stdout.write('\x1b[?25h');
    for (const name of ['SIGINT', 'SIGTERM']) process.removeListener(name, stop);
  }
}

async function run(values, addresses) {
  if (addresses.length === 0)
    throw new UsageError('Give the address of a server: ralloc top http://localhost:3000/metrics');
  for (const address of addresses) checkAddress(address);
  const interval = intervalOf(values.interval ?? '2');
  if (values.once) await once(addresses);
  else await live(addresses, interval);
  return OK;
}

module.exports = { summary, usage, run };
