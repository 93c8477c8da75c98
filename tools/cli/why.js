'use strict';

// `ralloc why [PID|DIR|FILE]`: what was in the memory of a process that was killed, or is in that
// of one that runs, from the file of its flight recorder.

const fs = require('node:fs');
const path = require('node:path');
const { childrenOf } = require('../../lib/auto/package-managers.js');
const { attempt } = require('../../lib/base/attempt.js');
const { formatBytes } = require('../../lib/base/bytes.js');
const { SWITCH, variable } = require('../../lib/base/environment.js');
const { RallocError } = require('../../lib/base/errors.js');
const { explain } = require('../../lib/flight/explain.js');
const { readFlight } = require('../../lib/flight/file.js');
const { filesIn, ownFolders } = require('../../lib/flight/folder.js');
const { summaryOf } = require('../../lib/flight/previous.js');
const { NAMES } = require('../../lib/process/verdict.js');
const { OK, UsageError, count, cut, print } = require('./print.js');

const summary = 'show who had the memory when a process was killed';
const usage = `Usage: ralloc why [options] [PID|DIR|FILE]

Reads what a flight recorder wrote: of a running process (PID), in a folder the
newest of a process that did not end by itself (DIR), or a file. Without an
argument: the only process here that has a recorder, else the newest in the
folder of RALLOC_FLIGHT_RECORDER, else in the temporary folder.

To start a recorder: RALLOC_FLIGHT_RECORDER=DIR or =on with ralloc/auto, ralloc
run --flight-recorder, or flightRecorder() in code. Reading needs the same user.

  --json              all that was recorded, and the conclusion

Example: kubectl exec POD -- npx ralloc why 1

Exit codes: 0 done, 1 if there is no recording that can be read, 2 wrongly
called.`;

const WIDTH = 80;
const MOST_ROWS = 6;
const KiB = 1024;
const PARTS = {
  ...{ heapUsed: "V8's heap, used", heapKept: "V8's heap, free", buffers: 'Buffers' },
  ...{ garbage: 'Buffers, new or dead', ralloc: 'ralloc', mallocKept: 'malloc keeps' },
  ...{ zlib: 'node:zlib', code: 'code and files', native: 'native, unknown' },
};

const failed = (message) => new RallocError('ERR_RALLOC_UNSUPPORTED', message);

/** Files of recorders that a process has open. Throws if it may not be read. */
function openFiles(pid) {
  const folder = `/proc/${pid}/fd`;
  return fs
    .readdirSync(folder)
    .map((fd) => path.join(folder, fd))
    .filter((link) => /\.flight( \(deleted\))?$/.test(attempt(() => fs.readlinkSync(link), '')));
}

function folderNamed() {
  const value = variable('RALLOC_FLIGHT_RECORDER') ?? '';
  return value === '' || Object.hasOwn(SWITCH, value.toLowerCase()) ? undefined : value;
}

/** The folders where recordings may be. */
const foldersHere = () => [folderNamed(), ...ownFolders()].filter((one) => one !== undefined);

const wholeIn = (folder) =>
  filesIn(folder).flatMap(({ file }) => {
    const flight = attempt(() => readFlight(file), { fault: 'cannot be read' });
    return flight.fault === undefined ? [{ file, ...explain(flight) }] : [];
  });

const isByItself = ({ how: { how } }) => ['running', 'exit', 'signal', 'closed'].includes(how);

/** The newest of a folder that did not end by itself, else the newest. */
function newestIn(folder) {
  const all = wholeIn(folder);
  return all.find((one) => !isByItself(one)) ?? all[0];
}

function read(file, name = file) {
  const flight = readFlight(file);
  if (flight.fault !== undefined) throw failed(`${name} ${flight.fault}`);
  return { file: name, ...explain(flight) };
}

/** Processes that have a recorder: `pid`, or what npm or a shell has started. */
const recordersFrom = (pid) =>
  attempt(() => openFiles(pid), []).length > 0 ? [pid] : childrenOf(pid).flatMap(recordersFrom);

function ofProcess(pid) {
  const { links, error } = attempt(() => ({ links: openFiles(pid) })) ?? processFault(pid);
  if (links?.length > 0)
    return read(
      links[0],
      attempt(() => fs.readlinkSync(links[0]), links[0]),
    );
  const found = foldersHere()
    .flatMap(wholeIn)
    .find(({ record }) => `${record.process.pid}` === pid);
  if (found !== undefined) return found;
  const below = childrenOf(pid).flatMap(recordersFrom);
  if (below.length > 0) return ofOnly(below);
  throw failed(error ?? `process ${pid} has no flight recorder: see ralloc help why`);
}

function processFault(pid) {
  const isThere = attempt(() => fs.existsSync(`/proc/${pid}`), false);
  const why = isThere
    ? `process ${pid} may only be read by its own user`
    : `there is no process ${pid}, and no recording of one`;
  return { error: why };
}

/** Processes here that have a recorder. */
function running() {
  const pids = attempt(() => fs.readdirSync('/proc'), []).filter(
    (name) => /^\d+$/.test(name) && name !== `${process.pid}`,
  );
  return pids.flatMap((pid) => (attempt(() => openFiles(pid), []).length > 0 ? [pid] : []));
}

function ofOnly(pids) {
  if (pids.length === 1) return ofProcess(pids[0]);
  throw failed(
    `${pids.length} processes have a recorder. Name one: ralloc why ${pids[0]}, or ${pids.slice(1, 8).join(', ')}`,
  );
}

function ofNone() {
  const pids = running();
  if (pids.length > 0) return ofOnly(pids);
  for (const folder of foldersHere()) {
    const found = newestIn(folder);
    if (found !== undefined) return found;
  }
  throw failed(
    'no process here has a flight recorder, and there is no recording. Begin one: RALLOC_FLIGHT_RECORDER=on node --require ralloc/auto app.js',
  );
}

function find(name) {
  if (name === undefined) return ofNone();
  if (/^\d+$/.test(name)) return ofProcess(name);
  if (!fs.statSync(name).isDirectory()) return read(name);
  const found = newestIn(name);
  if (found === undefined) throw failed(`${name} has no recording`);
  return found;
}

/** Breaks a text between words. */
function wrap(text, indent = '') {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    const next = line === '' ? `${lines.length === 1 ? '' : indent}${word}` : `${line} ${word}`;
    if (next.length > WIDTH && line !== '') lines.push(`${indent}${word}`);
    else lines[lines.length - 1] = next;
  }
  return lines.join('\n');
}

const flat = (text) => text.replaceAll(/[\n\t]/g, ' ');
const fit = (text) => cut(flat(text), WIDTH).trimEnd();
const bytes = (value = 0) => formatBytes(Math.max(0, Math.round(value))).padStart(10);
const seconds = (ms = 0) => `${Math.round(ms / 1000)} s`;

/** Columns of the ring that are parts. */
const COLUMNS = { buffers: 3, garbage: 4, ralloc: 5, mallocKept: 6, zlib: 7, native: 8 };

function partLines({ now = {}, ring }) {
  const parts = Object.entries(now.parts ?? {}).filter(([, value]) => value >= 1024 * KiB);
  return parts
    .sort(([, a], [, b]) => b - a)
    .map(([name, value]) => {
      const before = ring[0]?.[COLUMNS[name]];
      const by = before === undefined ? 0 : value - before * KiB;
      const grown =
        Math.abs(by) < 1024 * KiB
          ? ''
          : `${by < 0 ? '-' : '+'}${formatBytes(Math.abs(by))} in ${ring.length} s`;
      return `  ${bytes(value)}  ${PARTS[name].padEnd(24)}${grown}`;
    });
}

const requestLines = (rows) =>
  rows.map(
    ({ route, count: number = 0, bytes: size, oldestMs }) =>
      `  ${bytes(size)}  ${count(number, 'request')} ${route}, the oldest since ${seconds(oldestMs)}`,
  );

const codeLines = (rows, { length }) =>
  rows.map(
    ({ at = '', bytes: size, grown = 0, buffers = 0 }) =>
      `  ${bytes(size)}  ${grown < 0 ? '-' : '+'}${formatBytes(Math.abs(grown))} in ${length} s, ${count(buffers, 'Buffer')}, ${at}`,
  );

const waitingLines = (rows) =>
  rows
    .filter(({ bytes: size }) => size >= KiB)
    .map(
      ({ kind, count: number = 0, bytes: size, largest, oldestMs }) =>
        `  ${bytes(size)}  in ${number} ${NAMES[kind] ?? kind}, ${formatBytes(largest ?? 0)} in the largest, since ${seconds(oldestMs)}`,
    );

function section(title, lines) {
  return lines.length === 0 ? [] : ['', title, ...lines.slice(0, MOST_ROWS).map(fit)];
}

function limitsText({ limits }) {
  const told = Object.entries(limits).map(([name, value]) => `${name} ${formatBytes(value)}`);
  return told.join(', ');
}

function memoryLimitLine({ memoryLimit }) {
  if (memoryLimit === undefined) return [];
  const { limit, waited, stops, refused } = memoryLimit;
  return [
    `memory limit: ${formatBytes(limit)}; ${count(waited, 'request')} waited, ${count(stops, 'stop')} of bodies, ${refused} refused`,
  ];
}

function screen({ file, line, advice, record, time, how }) {
  const { pid, app, node, ralloc, host, system, flags } = record.process;
  const pauses = record.collections
    .slice(-5)
    .map(([ago, took]) => `${took} ms, ${seconds(ago)} ago`);
  const { waiting = 0, refused = 0 } = record.admission;
  const about = [
    `process ${pid ?? '?'} ${app ?? ''}`,
    `node ${node}, ralloc ${ralloc}, ${system}, ${host}${flags ? `, ${flags}` : ''}`,
    `limits: ${limitsText(record)}`,
    ...memoryLimitLine(record),
    ...(pauses.length === 0 ? [] : [`last major collections: ${pauses.join('; ')}`]),
    ...(waiting + refused === 0
      ? []
      : [`admission: ${waiting} bodies wait, ${refused} were refused`]),
    `${how.how === 'running' ? 'written' : 'last written'} ${attempt(() => new Date(time).toISOString(), '')}`,
  ];
  return [
    wrap(flat(line)),
    ...(advice === undefined ? [] : ['', wrap(`→ ${advice}`, '  ')]),
    ...section('Memory', partLines(record)),
    ...section('Requests in flight', requestLines(record.requests)),
    ...section(
      'Lines of code whose Buffers live, by a sample',
      codeLines(record.lines, record.ring),
    ),
    ...section('What waits', waitingLines(record.waiting)),
    '',
    ...about.map(fit),
    `recording: ${flat(file)}`, // whole: it is to be copied
  ].join('\n');
}

function run({ json }, names) {
  if (names.length > 1) throw new UsageError('Give one process, folder or file at most');
  const found = find(names[0]);
  const { record, growth, blocked } = found;
  print(
    json
      ? JSON.stringify({ ...summaryOf(found.file, found), growth, blocked, record }, null, 2)
      : screen(found),
  );
  return OK;
}

module.exports = { summary, usage, run };
