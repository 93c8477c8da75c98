'use strict';

// Deaths that are planted, and what the recording of each must say.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { explain } = require('../../lib/flight/explain.js');
const { readFlight } = require('../../lib/flight/file.js');
const { fixturePath } = require('./child.js');
const { controlGroup } = require('./control-group.js');

const PRELOAD = path.join(__dirname, '..', '..', 'lib', 'auto', 'preload.js');

/** Fixture -> what is found: the kind of memory, how it ended, what the first line names, and a part of the line of code. */
const DEATHS = {
  buffers: { kind: 'buffers', line: 'Buffer.alloc(bytes, 1)' },
  cache: { kind: 'buffers', line: 'cache.set(cache.size, Buffer' },
  heap: { kind: 'heap' },
  strings: { kind: 'heap' },
  upload: { kind: 'buffers', names: /MiB of 20 requests POST \/upload\/…/ },
  json: { kind: 'heap', names: /20 requests POST \/import/ },
  readers: { kind: 'buffers', names: /20 requests GET \/export|in 20 responses/ },
  leak: { kind: 'buffers', line: 'kept.push(Buffer.alloc(MB' },
  pool: { kind: 'pool', line: 'a small one', flags: ['--expose-gc'] },
  native: { kind: 'native' },
  zlib: { kind: 'zlib' },
  ralloc: { kind: 'ralloc' },
  blocked: { kind: 'blocked', names: /blocked for .*: GET \/report$/ },
  'data-limit': {
    ...{ kind: 'buffers', how: 'uncaught', names: /RangeError \(\S*deaths/ },
    ...{ line: 'Buffer.alloc(8 * MB', limit: 900e6 },
  },
  'heap-limit': { kind: 'heap', how: 'heap-limit', flags: ['--max-old-space-size=150'] },
  'heap-report': {
    kind: 'heap',
    how: 'fatal',
    fixture: 'heap-limit',
    flags: ['--max-old-space-size=150', '--report-on-fatalerror'],
  },
  oom: { ...{ kind: 'buffers', how: 'oom', fixture: 'data-limit' }, group: 300e6 },
  'heap-at-once': { kind: 'heap', how: 'heap-limit', flags: ['--max-old-space-size=60'] },
  descriptors: { kind: 'buffers', line: 'Buffer.alloc(bytes, 2)', enter: 'ulimit -n 100' },
  abort: { kind: undefined, how: 'abort' },
  uncaught: { kind: 'buffers', how: 'uncaught', names: /TypeError \(.*deaths\.js:\d+\)/ },
  rejected: { kind: undefined, how: 'uncaught', names: /RangeError/ },
  exit: { kind: undefined, how: 'exit' },
  'exit-late': { kind: undefined, how: 'exit', names: /exit code 5/ },
  done: { kind: undefined, how: 'exit' },
  stuck: { kind: undefined, how: 'signal', signal: 'SIGTERM' },
  raised: { kind: undefined, how: 'signal', signal: 'SIGTERM' },
  late: { kind: undefined, names: /had not ended \d+ s after SIGTERM/, signal: 'SIGTERM' },
  terminated: { kind: undefined, how: 'signal', fixture: 'idle', signal: 'SIGTERM' },
};

/** The only recording in a folder. */
function onlyIn(folder) {
  const names = fs.readdirSync(folder).filter((name) => name.endsWith('.flight'));
  return path.join(folder, names[0]);
}

/** A program of fixtures/flight/deaths.js: with a recorder in `folder`, in which it runs. */
function startDeath(name, folder, { env = {}, bytes, ...options } = {}) {
  const { fixture = name, flags = [], limit, enter } = { ...DEATHS[name], ...options };
  const args = [...flags, '--require', PRELOAD, fixturePath('flight/deaths.js'), fixture];
  if (bytes !== undefined) args.push(`${bytes / 1e6}`);
  const node = [process.execPath, ...args];
  const limited = limit === undefined ? node : ['prlimit', `--data=${limit}`, ...node];
  const [program, ...others] =
    enter === undefined ? limited : ['sh', '-c', `${enter}; exec "$0" "$@"`, ...limited];
  return spawn(program, others, {
    cwd: folder,
    env: { ...process.env, RALLOC_AUTO: '', RALLOC_FLIGHT_RECORDER: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/**
 * Lets one die, by itself or by a signal once it has its memory: what its recording says, and said before that. `{ alive, dead, stderr }`; undefined if it needs a control group, and none can be made.
 */
async function die(name, folder, options) {
  const { group: most } = DEATHS[name];
  if (most === undefined) return dieIn(name, folder, options);
  const group = controlGroup(most);
  if (group === undefined) return undefined;
  try {
    return await dieIn(name, folder, { ...options, enter: group.enter });
  } finally {
    group.remove();
  }
}

async function dieIn(name, folder, options) {
  const child = startDeath(name, folder, options);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const ended = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), ended]);
  const read = () => explain(readFlight(onlyIn(folder)));
  const isAlive = child.exitCode === null && child.signalCode === null;
  const alive = isAlive ? read() : undefined;
  if (isAlive) child.kill(DEATHS[name].signal ?? 'SIGKILL');
  await ended;
  return { alive, dead: read(), stderr };
}

/** Where the program has a line with this text. */
function placeOf(text) {
  const lines = fs.readFileSync(fixturePath('flight/deaths.js'), 'utf8').split('\n');
  return `deaths.js:${lines.findIndex((line) => line.includes(text)) + 1}`;
}

/** What is wrong with what a recording says of a death; empty if it is right. */
function faultsOf(name, { alive, dead }) {
  const { kind, how = 'unknown', names = /./, line } = DEATHS[name];
  const faults = [];
  const check = (isRight, what) => isRight || faults.push(`${name}: ${what}: ${dead.line}`);
  check(dead.kind === kind, `the kind is ${dead.kind}, not ${kind}`);
  check(dead.how.how === how, `it ended by ${dead.how.how}, not ${how}`);
  check(names.test(dead.line), `names ${names}`);
  if (line !== undefined) check(dead.line.includes(placeOf(line)), `no ${placeOf(line)}`);
  check(!dead.line.includes('secret'), 'tells what a user sent');
  if (alive !== undefined) check(alive.kind === kind, `alive, the kind was ${alive.kind}`);
  return faults;
}

module.exports = { DEATHS, die, faultsOf, onlyIn, startDeath };
