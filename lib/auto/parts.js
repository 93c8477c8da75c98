'use strict';

// Begins ralloc/auto in this thread: its parts, and a trial, if it has a table. What a trial takes,
// 6 MB, is loaded for one alone.
//
// The parts are what it does for an unchanged program, without a table. Each part does nothing
// rather than something doubtful. RALLOC_AUTO turns parts off by name, `no-compressors,no-files`,
// and parts with `isAsked` begin only if it names them. With `report` it says at the end of the
// process what each has done.

const fs = require('node:fs');
const path = require('node:path');
const process = require('node:process');
const { isDisabled, isOff, variable, warnOfValue } = require('../base/environment.js');
const { attempt } = require('../base/attempt.js');
const { lazy } = require('../base/lazy.js');
const { kTrial } = require('../base/protocol.js');
const { isMainThread } = require('../base/runtime.js');
const { formatBytes, counted, whole } = require('../base/bytes.js');
const counts = require('../memory/stream-counts.js');
const { inheritedHere, optionsHere, partsHere } = require('./options.js');
const { isStarter, passOn } = require('./package-managers.js');

/** Reasons why pipes were left alone. */
const PIPES = {
  sink: 'to streams that may keep chunks, or are patched',
  readers: 'from streams that have other readers, or are patched',
};

/** Reasons why bytes were left to V8; includes those of pump() and of bodies. */
const BYTES = {
  seen: 'that others may have',
  foreign: 'that Node has not made',
  unwritten: 'whose write failed or never ended',
  shared: 'of memory that has others too',
};

const some = (words, of, say) =>
  Object.entries(words).flatMap(([why, what]) => (of[why] > 0 ? `${say(of[why])} ${what}` : []));

function tellOfPipes({ watched, chunks, left }) {
  const { counts: bytes } = require('../memory/foreign.js');
  const all = [
    ...some(PIPES, left, (count) => counted(count, 'pipe')),
    ...some(BYTES, bytes.left, formatBytes),
  ];
  const others = all.length === 0 ? '' : `; left alone: ${all.join(', ')}`;
  return `${counted(chunks, 'chunk')} of ${counted(watched, 'pipe')} given back${others}`;
}

function tellOfPool({ size, from, since, asked, alive, perBuffer }) {
  const lived =
    asked === 0
      ? 'no block was asked'
      : `${whole(alive)} of ${counted(asked, 'block')} lived through two major collections`;
  if (since === 0) return `${formatBytes(from)}; ${lived}`;
  const now = size === 0 ? 'and then set by the application' : `to ${formatBytes(size)}`;
  return `lowered from ${formatBytes(from)} ${now}; ${lived}, some ${formatBytes(perBuffer)} for each small Buffer that is kept: npx ralloc profile says by which lines`;
}

/**
 * Name -> how a part begins, and what it reports. `begin(parts)` returns true, or why the part does
 * not apply.
 */
const PARTS = {
  compressors: {
    begin: () => require('../node/compressors.js').install(),
    tell({ made, reused, left }) {
      const others = left === 0 ? '' : `; ${whole(left)} left alone, for their options`;
      return `${whole(reused)} of ${counted(made + reused, 'stream')} used the memory of one before${others}`;
    },
  },
  files: {
    begin: (parts) => require('../node/files.js').install(!parts.includes('no-streams')),
    tell({ streams, reads, reused, left }) {
      const others = left === 0 ? '' : `; ${whole(left)} left alone, for their options`;
      const again =
        reused === 0 ? '' : `, ${counted(reused, 'read')} into memory that was used before`;
      return `${counted(reads, 'larger read')} for ${counted(streams, 'stream')}${again}${others}`;
    },
  },
  streams: {
    begin: () => require('../node/pipe/patch.js').install() || 'stream.Readable changed',
    tell: tellOfPipes,
  },
  bodies: {
    begin: (parts) => require('./bodies.js').begin(parts) || 'node:module changed',
    tell: () => require('./bodies.js').tell(),
  },
  trim: {
    begin: () => require('./trim.js').begin(),
    tell() {
      const { count, bytes, collections } = require('./trim.js').trims();
      const after = collections === 0 ? '' : `, after ${counted(collections, 'collection')}`;
      return `${formatBytes(bytes)} given back at ${counted(count, 'rest')}${after}`;
    },
  },
  inventory: {
    begin: () => require('../process/made-by-node.js').install(),
    tell() {
      const { inventory, sumsOf } = require('../process/inventory.js');
      const sums = [...sumsOf(inventory().rows)].filter(([, { bytes }]) => bytes > 0);
      const told = sums.map(([kind, { bytes }]) => `${formatBytes(bytes)} in ${kind}`);
      return told.join(', ') || 'nothing waits';
    },
  },
  'pool-size': {
    begin: () => require('../node/pool-size.js').begin(),
    tell: () => tellOfPool(counts.pool),
  },
  'memory-limit': {
    isSet: () => (variable('RALLOC_MEMORY_LIMIT') ?? '') !== '',
    begin: () => require('./memory-limit.js').begin(),
    tell: () => require('./memory-limit.js').tell(),
  },
  tune: {
    isAsked: true,
    begin: () =>
      isOff('RALLOC_TUNE') ? 'RALLOC_TUNE is off' : (require('../request/tune.js').watch() ?? true),
    tell: () => `V8's flag: ${require('../request/tune.js').tuned()}`,
  },
};

/** The word in RALLOC_AUTO that changes a part's default. */
const wordOf = (name) => (PARTS[name].isAsked ? name : `no-${name}`);

/** A table is no part: see start(). */
const NO_TABLE = 'no-table';

const NAMES = [...Object.keys(PARTS).map(wordOf), NO_TABLE, 'report'];

/** A user who wants to turn a part off must learn that it is still on. */
function warnOfNames(parts) {
  const wrong = parts.filter((name) => !NAMES.includes(name));
  if (wrong.length > 0)
    warnOfValue('RALLOC_AUTO', wrong.join(), `it takes some of ${NAMES.join()}`);
}

/** A part with `isSet` has a variable of its own, and a limit holds whatever else is disabled. */
function isWanted(name, parts) {
  const { isAsked = false, isSet } = PARTS[name];
  const isNamed = parts.includes(wordOf(name));
  return isSet === undefined ? !isDisabled() && isNamed === isAsked : isSet() && !isNamed;
}

/** Begins the parts. Returns for each name true, or why it does not apply. */
function beginParts(parts) {
  const begun = {};
  for (const [name, { begin }] of Object.entries(PARTS)) {
    if (!isWanted(name, parts)) continue;
    try {
      begun[name] = begin(parts);
    } catch (error) {
      begun[name] = error.message;
    }
  }
  return begun;
}

function lineOf(name, begun) {
  if (begun === undefined) return `off, by ${isDisabled() ? 'RALLOC_DISABLED' : 'RALLOC_AUTO'}`;
  if (begun !== true) return `left alone: ${begun}`;
  return PARTS[name].tell(counts[name]);
}

function report(begun, memory) {
  const names = Object.keys(PARTS).filter(
    (name) => name in begun || !(PARTS[name].isAsked || PARTS[name].isSet),
  );
  const lines = names.map((name) => `ralloc: auto: ${name}: ${lineOf(name, begun[name])}\n`);
  const growth = attempt(() => memory.end(true));
  const first =
    growth === undefined ? [] : require('../process/verdict.js').linesOf(growth, formatBytes);
  fs.writeSync(2, [...first.map((line) => `ralloc: ${line}\n`), ...lines].join(''));
}

/** Begins the parts in this thread. `parts`: the words of RALLOC_AUTO. */
function startParts(parts) {
  warnOfNames(parts);
  const here = partsHere(parts);
  const begun = beginParts(here);
  if (!isMainThread || !here.includes('report')) return;
  const { Growth } = require('../process/growth.js');
  const memory = new Growth();
  let isTold = false;
  const tell = () => {
    if (!isTold) attempt(() => report(begun, memory)); // what throws at the end of a process keeps it alive
    isTold = true;
  };
  const { Signals } = require('../flight/signals.js');
  process.on('exit', tell);
  new Signals(tell).start();
}

const ROOT = path.join(__dirname, '..', '..');
const OWN = ['bin/ralloc.js', 'tools/cli/try-parts.js'].map((name) => path.join(ROOT, name));

/** Whether this is ralloc's own program, such as `doctor`, which shows what Node has. */
const isOwn = () =>
  /^(ralloc|try-parts)(\.js)?$/.test(path.basename(process.argv[1] ?? '')) && // asks no file of others
  OWN.includes(attempt(() => fs.realpathSync(process.argv[1]), ''));

const trial = lazy(() => require('../../tools/placement/trial/begin.js'));

const isFile = (name) => attempt(() => fs.statSync(name).isFile(), false);

/**
 * Whether to read a table: if it is named or `ralloc compare` gave it, even if it does not exist;
 * otherwise only if it is a file, and no pipe that would be waited for.
 */
const hasTable = ({ file, isNamed, notes, parts }) =>
  notes !== undefined || (!isDisabled() && !parts.includes(NO_TABLE) && (isNamed || isFile(file)));

function start() {
  if (globalThis[kTrial] !== undefined) return;
  if (isMainThread && isStarter()) return passOn();
  if (isMainThread && isOwn()) return;
  const options = optionsHere();
  if (isMainThread && process.env.RALLOC_FLIGHT_RECORDER)
    require('../flight/environment.js').beginHere();
  if (options.notes === undefined) startParts(options.parts); // `ralloc compare --table` measures only the changed lines
  if (isMainThread) {
    if (hasTable(options)) trial().beginTrial(options);
    return;
  }
  const inherited = inheritedHere();
  if (inherited !== undefined) attempt(() => trial().beginInWorker(inherited));
}

module.exports = { beginParts, start };
