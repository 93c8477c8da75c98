'use strict';
// tier: run-time, differs by Node

// The option `tune` sets a flag of V8's once a server listens, where V8 has it and where that is safe, and stats() say what was done.

const fs = require('node:fs');
const v8 = require('node:v8');
const test = require('ava');
const { testWhere } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');
const { fresh } = require('../helpers/fresh.js');

const FLAG = '--external-memory-accounted-in-global-limit';

const [major, minor] = process.versions.v8.split('.').map(Number);
const number = 100 * major + minor;
const hasFlag = number >= 1306 && number < 1408;
const isLinux = process.platform === 'linux';

async function tunes(t, how, { execArgv, env, options } = {}) {
  const args = options === undefined ? [how] : [how, JSON.stringify(options)];
  const tuning = { RALLOC_TUNE: '', ...env };
  const { result, stderr } = await run('request/tunes.js', { args, execArgv, env: tuning });
  t.truthy(result, stderr);
  t.notRegex(stderr, /flag/);
  return result;
}

const untouched = (tuned) => ({
  mounted: tuned,
  listening: tuned,
  answered: tuned,
  sets: 0,
  isChanged: false,
});
const set = (mounted, listening) => ({
  mounted,
  listening,
  answered: 'set',
  sets: 1,
  isChanged: true,
});

const flagTest = (title, body) =>
  testWhere(hasFlag && isLinux, 'the flag, and a list of threads', title, body);

flagTest('the flag is set once the first server listens, which is told', async (t) => {
  t.deepEqual(await tunes(t, 'listens'), set('waiting', 'set'));
});

flagTest('a server that listens before the mount is known by its first request', async (t) => {
  t.deepEqual(await tunes(t, 'listens before'), set('waiting', 'waiting'));
});

flagTest('RALLOC_TUNE=on asks for what no option does', async (t) => {
  const asked = { env: { RALLOC_TUNE: 'on' }, options: {} };
  t.deepEqual(await tunes(t, 'listens', asked), set('waiting', 'set'));
});

flagTest('no flag is set while a Worker runs, also one that nothing waits for', async (t) => {
  const workers = { ...untouched('workers'), mounted: 'waiting' };
  t.deepEqual(await tunes(t, 'a worker'), workers);
});

test('without the option nothing is set', async (t) => {
  for (const options of [{}, { tune: false }])
    t.deepEqual(await tunes(t, 'listens', { options }), untouched('off'));
});

test('RALLOC_TUNE=off outdoes the option', async (t) => {
  const off = { env: { RALLOC_TUNE: 'off' } };
  t.deepEqual(await tunes(t, 'listens', off), untouched('off'));
});

testWhere(
  number < 1306,
  'a V8 without the flag',
  'where V8 has no such flag, nothing is set, and V8 prints nothing',
  async (t) => {
    t.deepEqual(await tunes(t, 'listens'), untouched('unsupported'));
  },
);

const OF_24 = { v8: '13.6.233.17-node.53' };
const OF_NODE = ['V8Worker', 'node-V8Worker', 'DelayedTaskSche', 'SignalInspector', 'libuv-worker'];

/** In the place of what `holder` has, for this test. */
function replace(t, holder, name, value) {
  const own = Object.getOwnPropertyDescriptor(holder, name);
  t.teardown(() => Object.defineProperty(holder, name, own));
  Object.defineProperty(holder, name, { ...own, value });
}

/** Has Linux list threads with these names beside the main one; null: it may not be asked. */
function list(t, threads) {
  const names = ['whatever the program calls itself', ...(threads ?? [])];
  const ids = names.map((_, n) => `${process.pid + n}`);
  const { readdirSync, readFileSync } = fs;
  const nameOf = (file) => names[ids.indexOf(file.split('/').at(-2))];
  const isTask = (file) => `${file}`.startsWith('/proc/self/task');
  replace(t, fs, 'readdirSync', (dir, ...rest) => {
    if (!isTask(dir)) return readdirSync(dir, ...rest);
    if (threads === null) throw new Error('EACCES');
    return ids;
  });
  replace(t, fs, 'readFileSync', (file, ...rest) =>
    isTask(file) ? `${nameOf(file)}\n` : readFileSync(file, ...rest),
  );
}

/** What `tune.js` says at a mount and once a server listens, in such a program, and the flags that it set. */
function tunedBy(
  t,
  { versions = OF_24, execArgv = [], isKnown = true, isMainThread = true, threads },
) {
  const flags = [];
  replace(t, v8, 'setFlagsFromString', (flag) => flags.push(flag));
  replace(t, v8, 'cachedDataVersionTag', () => (isKnown ? flags.length : 0));
  replace(t, process, 'versions', versions);
  replace(t, process, 'execArgv', execArgv);
  const mayHaveLoaded = () => threads !== undefined;
  const tune = fresh('request/tune.js', { 'base/runtime.js': { isMainThread, mayHaveLoaded } });
  if (threads !== undefined) list(t, threads);
  tune.watch();
  const mounted = tune.tuned();
  tune.set();
  tune.set(); // by another server
  tune.watch(); // by another mount
  return [mounted, tune.tuned(), ...flags];
}

const not = (why) => [why, why];
const SET = ['waiting', 'set', FLAG];

test.serial(
  'the flag is of V8 13.6 to 14.7, and what is on without it in later ones is told',
  (t) => {
    for (const [text, tuned] of [
      ['12.4.254.21-node.57', not('unsupported')],
      ['13.5.212.10-node.1', not('unsupported')],
      ['13.6.233.17-node.53', SET],
      ['14.7.1.2-node.3', SET],
      ['14.8.1.2-node.3', not('default')],
      ['15.0.1.2-node.3', not('default')],
    ]) {
      t.deepEqual(tunedBy(t, { versions: { v8: text } }), tuned, text);
    }
  },
);

test.serial('no program but Node is tuned: V8 may end it, or is not there', (t) => {
  for (const versions of [
    { v8: '13.6.233.8-electron.0', electron: '37.0.0' },
    { v8: '14.2.231.17-rusty', deno: '2.9.0' },
    { v8: '13.6.233.10-node.18', bun: '1.4.0' },
    {},
  ]) {
    t.deepEqual(tunedBy(t, { versions }), not('unsupported'));
  }
});

test.serial('the command line stands above the option, and is read as V8 reads it', (t) => {
  for (const [execArgv, tuned] of [
    [[FLAG], not('command-line')],
    [[`-${FLAG.slice(2).replaceAll('-', '_')}`], not('command-line')],
    [[FLAG.replace('--', '--no-')], not('command-line')],
    [[`${FLAG}-too`, `--the-${FLAG.slice(2)}`, '--no-warnings'], SET],
    [['--freeze-flags-after-init'], not('frozen')],
    [['-freeze_flags-after_init'], not('frozen')],
    [['--no-freeze-flags-after-init', '--freeze-flags-after-init'], not('frozen')],
    [['--freeze-flags-after-init', '--nofreeze-flags-after-init'], SET],
    [['--freeze-flags-after-init', '--no-freeze-flags-after-init'], SET],
  ]) {
    t.deepEqual(tunedBy(t, { execArgv }), tuned, execArgv.join(' '));
  }
});

test.serial('a thread that is not of each Node is one that V8 may be at work in', (t) => {
  t.deepEqual(tunedBy(t, { threads: OF_NODE }), SET);
  for (const name of ['WorkerThread', 'MainThread', 'resize', 'my-V8Worker', 'V8Worker2'])
    t.deepEqual(tunedBy(t, { threads: [...OF_NODE, name] }), ['waiting', 'workers'], name);
});

test.serial('where no list of threads can be read there may be any', (t) => {
  t.deepEqual(tunedBy(t, { threads: null }), ['waiting', 'workers']);
});

test.serial('a Worker does not tune its process', (t) => {
  t.deepEqual(tunedBy(t, { isMainThread: false }), not('worker-thread'));
});

test.serial('a flag that changes nothing, as one that is on or unknown, is not set again', (t) => {
  t.deepEqual(tunedBy(t, { isKnown: false }), ['waiting', 'unchanged', FLAG]);
});
