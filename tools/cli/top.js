'use strict';

// `ralloc top ADDRESS…`: shows live figures of the budgets, arenas, slabs and regions of servers,
// from the pages that Prometheus reads.

const { setTimeout: sleep } = require('node:timers/promises');
const { styleText } = require('node:util');
const { formatBytes } = require('../../lib/base/bytes.js');
const { kindsOf, readPage, serverOf, sumOf } = require('./metrics-page.js');
const { OK, UsageError, cut, print, standardOutput, visible } = require('./print.js');

const summary = 'show live metrics of servers';
const usage = `Usage: ralloc top [options] ADDRESS...

Reads the metrics of servers, as Prometheus does, and shows budgets, arenas,
slabs and regions with their rates, until Ctrl-C. The page may come from
prom-client, metricsText() or OpenTelemetry's exporter. If standard output is
not a terminal, frames are printed one after another.

  --once              the current values, as JSON, without rates
  -i, --interval S    seconds between two frames (default: 2)

Example: ralloc top http://localhost:3000/metrics

Exit codes: 0 done, 1 if no server answers with metrics, 2 wrongly called.`;

const WIDTH = 80;
const LEAST_NAME = 10; // columns; on a narrow terminal the last figures are cut off
const CELL = 8;

const bytes = (value) => formatBytes(Math.round(value)).replace(/ (?:(.)i?B|(B))$/, '$1$2');

const COUNTER = /_total$|^collections$/;

/** A figure of a metric, by the end of its name. Counters are shown as rates. */
function shown(metric, value) {
  if (value === null || Number.isNaN(value)) return '-';
  if (metric.endsWith('limit_bytes') && value === 0) return '-'; // only the budget limits it
  if (metric.endsWith('ratio')) return `${Math.round(100 * value)}%`;
  const decimal = Number.isInteger(value) ? value : value.toFixed(value < 10 ? 1 : 0);
  const text = metric.endsWith('bytes') ? bytes(value) : `${decimal}`;
  const told = COUNTER.test(metric) ? `${text}/s` : text;
  return told.length > CELL ? value.toExponential(1) : told;
}

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

const PROCESS = {
  resident: 'ralloc_process_resident_bytes',
  limit: 'ralloc_process_memory_limit_bytes',
  heap: 'nodejs_heap_size_used_bytes',
  heapLimit: 'ralloc_process_heap_limit_bytes',
  collections: 'nodejs_gc_duration_seconds_count',
};

/** RSS by kind, and what waits. */
const KINDS = {
  memory: 'ralloc_process_memory_bytes',
  waiting: 'ralloc_process_waiting_bytes',
};

/**
 * The rows of a table: { name: { metric: value } }. Slabs shared by processes have metrics of their
 * own.
 */
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

/** The figures of a server; `{ error, cause }` if it does not answer with metrics. */
async function sampleOf(server, signal) {
  try {
    const page = await readPage(server, { signal });
    const figure = ([name, metric]) => [name, sumOf(page, metric) ?? null];
    const own = Object.entries(PROCESS).map(figure);
    const tables = Object.keys(TABLES).map((label) => [label, rowsOf(page, label)]);
    const kinds = Object.entries(KINDS).map(([name, metric]) => [name, kindsOf(page, metric)]);
    return { process: Object.fromEntries([...own, ...kinds]), ...Object.fromEntries(tables) };
  } catch (cause) {
    if (cause.code === undefined) throw cause; // a bug of ralloc
    return { error: cause.message, cause };
  }
}

const samplesOf = (servers, signal) => Promise.all(servers.map((one) => sampleOf(one, signal)));

function checkAny(samples) {
  if (samples.every(({ cause }) => cause)) throw samples[0].cause;
}

/**
 * The figures of a sample, or of a part of one, with growth per second instead of counters; null if
 * it is not known. After a restart of the process they begin at 0.
 */
function withRates(now, before, seconds) {
  const each = Object.entries(now).map(([name, value]) => {
    const was = before?.[name] ?? null;
    if (value !== null && typeof value === 'object') return [name, withRates(value, was, seconds)];
    if (!COUNTER.test(name)) return [name, value];
    const isKnown = value !== null && was !== null;
    return [name, isKnown ? (value < was ? value : value - was) / seconds : null];
  });
  return Object.fromEntries(each);
}

function processLine({ resident, limit, heap, heapLimit, collections }) {
  const of = (a, b) => `${shown('bytes', a)} of ${shown('bytes', b)}`;
  return `RSS ${of(resident, limit)}   V8's heap ${of(heap, heapLimit)}   collections ${shown('collections', collections)}`;
}

/** The largest kinds of memory, and of what waits. */
const kindLines = ({ memory, waiting }) =>
  Object.entries({ memory, waiting }).flatMap(([name, kinds]) => {
    const told = Object.entries(kinds).map(([kind, value]) => `${kind} ${shown('bytes', value)}`);
    return told.length === 0 ? [] : [`${name}: ${told.join('  ')}`];
  });

/**
 * The lines of a table, the first of them its heading. Shows at most `most` rows, those with the
 * highest value in the first column.
 */
function tableLines(label, rows, most, width) {
  const columns = Object.keys(TABLES[label]);
  const nameWidth = Math.max(LEAST_NAME, width - columns.length * (CELL + 1));
  const line = (name, cells) =>
    [cut(name, nameWidth), ...cells.map((text) => text.padStart(CELL))].join(' ');
  const [main] = columns;
  if (rows.length > most) rows.sort(([, a], [, b]) => (b[main] || 0) - (a[main] || 0));
  const lines = rows.slice(0, most).map(([name, row]) => {
    const cells = columns.map((metric) => shown(metric, row[metric]));
    return line(visible(name.replaceAll(/[\n\t]/g, ' ')), cells);
  });
  const more = rows.length > most ? [`… ${rows.length - most} more`] : [];
  return [line(`${label}s`.toUpperCase(), Object.values(TABLES[label])), ...lines, ...more];
}

/**
 * The text that shows frames on a terminal with so many columns and rows. `bold(text)`: a heading.
 */
function render(servers, frames, { columns, rows, bold }) {
  const fit = (text) => cut(visible(text), columns).trimEnd();
  const numbered = (i, text) => (frames.length > 1 ? `${i + 1} ${text}` : text);
  const heads = frames.flatMap((frame, i) => [
    bold(fit(numbered(i, servers[i].name))),
    ...(frame.error
      ? [frame.error]
      : [processLine(frame.process), ...kindLines(frame.process)]
    ).map((line) => fit(`  ${line}`)),
  ]);
  const rowsIn = (label) =>
    frames.flatMap((frame, i) =>
      Object.entries(frame[label] ?? {}).map(([name, row]) => [numbered(i, name), row]),
    );
  const tables = Object.keys(TABLES).map((label) => [label, rowsIn(label)]);
  const full = tables.filter(([, all]) => all.length > 0);
  // Besides its rows, a table has 3 lines: an empty one, its heading, and the number of rows that
  // are left out.
  const most = Math.max(1, Math.floor((rows - 1 - heads.length) / full.length) - 3);
  const lines = full.flatMap(([label, all]) => {
    const [heading, ...others] = tableLines(label, all, most, columns).map(fit);
    return ['', bold(heading), ...others];
  });
  return `${[...heads, ...lines].slice(0, rows - 1).join('\n')}\n`;
}

/** Shows frame after frame until Ctrl-C, which also ends the wait for a server. */
async function live(servers, interval) {
  const stdout = standardOutput();
  const isScreen = stdout.isTTY === true && process.env.TERM !== 'dumb';
  const bold = (text) => (isScreen ? styleText('bold', text) : text);
  const end = new AbortController();
  const { signal } = end;
  for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => end.abort());
  let [before, at] = [undefined, 0];
  try {
    while (!signal.aborted) {
      const now = await samplesOf(servers, signal);
      if (signal.aborted) break;
      if (before === undefined) checkAny(now);
      const seconds = (performance.now() - at) / 1000;
      const frames = now.map((one, i) => withRates(one, before?.[i], seconds));
      [before, at] = [now, performance.now()];
      const columns = Math.min((isScreen && stdout.columns) || WIDTH, WIDTH);
      const rows = (isScreen && stdout.rows) || Infinity;
      const text = render(servers, frames, { columns, rows, bold });
      stdout.write(isScreen ? `\x1b[?25l\x1b[H\x1b[2J${text}` : `${text}\n`);
      await sleep(interval, undefined, { signal }).catch(() => {});
    }
  } finally {
    if (isScreen) stdout.write('\x1b[?25h');
  }
  return OK;
}

async function run({ once, interval = '2' }, addresses) {
  if (addresses.length === 0)
    throw new UsageError('Give the address of a server: ralloc top http://localhost:3000/metrics');
  const servers = addresses.map(serverOf);
  const seconds = Number(interval);
  if (!(seconds >= 0.1 && seconds <= 3600))
    throw new UsageError(`--interval must be 0.1 to 3600 seconds, not ${interval}`);
  if (!once) return live(servers, 1000 * seconds);
  const samples = await samplesOf(servers);
  checkAny(samples);
  const named = samples.map(({ cause, ...one }, i) => ({ address: servers[i].name, ...one }));
  print(JSON.stringify(named, null, 2));
  return OK;
}

module.exports = { summary, usage, run };
