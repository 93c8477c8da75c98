'use strict';

// `ralloc doctor`: checks what this machine and this Node support, and gives advice; with an
// address, whether a server's limits fit its memory.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const v8 = require('node:v8');
const { attempt } = require('../../lib/base/attempt.js');
const { formatBytes, heapFlags } = require('../../lib/base/bytes.js');
const { isDisabled } = require('../../lib/base/environment.js');
const { INTERNALS, SEEN, nodeHas, readTexts } = require('../../lib/base/internals.js');
const { leastOf, read: readLimits } = require('../../lib/budget/auto.js');
const { backend, backendReason } = require('../../lib/memory/native.js');
const { keptNow } = require('../../lib/memory/malloc-trim.js');
const { objection } = require('../../lib/request/tune.js');
const { version } = require('../../lib/base/version.js');
const { kindsOf, readPage, serverOf, sumOf } = require('./metrics-page.js');
const { FAILED, OK, UsageError, print } = require('./print.js');

const summary = 'show what this machine and Node can do, and what to do';
const usage = `Usage: ralloc doctor [options] [ADDRESS]

Shows what this machine and this Node can do, which parts of ralloc/auto apply,
and what to do. With the address of a server's metrics, it also shows whether
the limits of its budgets, arenas, slabs and regions fit into its memory
together.

      --json  prints the same as JSON

Example: ralloc doctor http://localhost:3000/metrics

Exit codes: 0 done, 1 if a server's limits are more than its memory, or it does
not answer with metrics, 2 wrongly called.`;

const UNKNOWN = 'unknown';
const TRIAL_MS = 60_000;
const text = (file) => attempt(() => fs.readFileSync(file, 'utf8').trim(), UNKNOWN);

// A check is [name, value, advice]; the advice is falsy if nothing is to be done.

function flagCheck() {
  // Other reasons of `tune` not to set V8's flag are of this process.
  const isFine = ['default', 'unsupported'].includes(objection());
  const value = isFine
    ? 'this Node needs no flag, or has none'
    : 'each byte counts toward a limit of its own, dead or alive';
  const advice =
    'Where packages allocate large Buffers, requestArena({ tune: true }) saves collections: see docs/guide/production.md, "V8\'s flag for Buffers".';
  return ["V8's accounting of Buffers", value, !isFine && advice];
}

function memoryCheck() {
  const [from, memory] = leastOf(readLimits());
  const heap = v8.getHeapStatistics().heap_size_limit;
  const value = `${formatBytes(memory)} by the ${from}, of which V8's heap may take ${formatBytes(heap)}`;
  const advice = `Leave room for Buffers: node ${heapFlags(memory / 2)}.`;
  return ['memory of a process here', value, heap > 0.75 * memory && advice];
}

function linuxChecks() {
  if (process.platform !== 'linux') return [];
  const thp = /\[(\w+)\]/.exec(text('/sys/kernel/mm/transparent_hugepage/enabled'))?.[1];
  const maps = text('/proc/sys/vm/max_map_count');
  const shm = attempt(() => fs.statfsSync('/dev/shm'), undefined);
  const [bytes, free] = [shm?.blocks * shm?.bsize, shm?.bavail * shm?.bsize];
  const room = shm ? `${formatBytes(bytes)}, ${formatBytes(free)} free` : UNKNOWN;
  const ofPages = "'madvise' gives them to those alone who ask for them, and RSS stays lower.";
  const ofRoom = 'Slabs that processes share lie there. In Docker: --shm-size=512m.';
  const ofMaps = 'Each slab and chunk is a mapping. Raise it to 65530 or more.';
  return [
    ['transparent huge pages', thp ?? UNKNOWN, thp === 'always' && ofPages],
    ['/dev/shm', room, bytes < 128 * 2 ** 20 && ofRoom],
    ['vm.max_map_count', maps, Number(maps) < 65_530 && ofMaps],
  ];
}

/** The parts that this Node lacks: those that are not alike, or not named in its source. */
function missing() {
  const all = readTexts(/^/)?.join();
  const isNamed = (name) => all === undefined || new RegExp(`\\b${name}\\b`).test(all);
  const isHere = ([part, { names, isAlike }]) =>
    (isAlike === undefined || nodeHas(part)) && Object.values(names).every(isNamed);
  return Object.entries(INTERNALS).flatMap((row) => (isHere(row) ? [] : [row]));
}

const internalsChecks = () => [
  [
    "Node's internals",
    `${Object.keys(INTERNALS).length} parts, known from Node ${SEEN.join(', ')}`,
  ],
  ...missing().map(([part, { names, without }]) => [
    part,
    `not as known, ${Object.values(names).join(', ')}`,
    `So ${without}.`,
  ]),
];

/** What of ralloc/auto applies on this Node, with what was loaded before ralloc. */
function autoChecks() {
  const args = [...process.execArgv, require.resolve('./try-parts.js')];
  const options = { encoding: 'utf8', timeout: TRIAL_MS };
  const told = () => JSON.parse(spawnSync(process.execPath, args, options).stdout);
  const parts = Object.entries(attempt(told, {}));
  const none = isDisabled() ? 'off, by RALLOC_DISABLED' : UNKNOWN;
  const [applied, left] = [true, false].map((is) =>
    parts.filter(([, why]) => (why === true) === is),
  );
  return [
    ['ralloc/auto', applied.map(([name]) => name).join(', ') || none],
    ...left.map(([name, why]) => [name, `not applied, ${why}`, 'Plain Node does it instead.']),
  ];
}

const ownChecks = () => [
  ['Node', process.version],
  ['ralloc', `${version}, backend ${backend}`, backend !== 'native' && backendReason],
  flagCheck(),
  ['Buffer.poolSize', formatBytes(Buffer.poolSize)],
  [
    'what malloc keeps',
    keptNow() === undefined ? 'not known here: it is counted as native' : 'known',
  ],
  memoryCheck(),
  ...linuxChecks(),
  ...internalsChecks(),
  ...autoChecks(),
];

const PARTS = [
  ['budgets', 'ralloc_process_budgets_limit_bytes'],
  ['arenas', 'ralloc_arena_limit_bytes'],
  ['slabs', 'ralloc_slab_limit_bytes', 'ralloc_shared_slab_limit_bytes'],
  ['regions', 'ralloc_region_limit_bytes'],
  ["requests' heap", 'ralloc_arena_heap_limit_bytes'],
  ["V8's heap", 'ralloc_process_heap_limit_bytes'],
];

const sum = (values) => values.reduce((all, value) => all + value, 0);

const toldOf = (kinds) =>
  Object.entries(kinds)
    .map(([kind, bytes]) => `${kind} ${formatBytes(bytes)}`)
    .join(', ');

async function serverCheck(server) {
  const page = await readPage(server);
  const bytesOf = (metrics) => sum(metrics.map((metric) => sumOf(page, metric) ?? 0));
  const all = PARTS.map(([name, ...metrics]) => [bytesOf(metrics), name]);
  const parts = all.filter(([bytes]) => bytes > 0);
  const limit = sumOf(page, 'ralloc_process_memory_limit_bytes'); // undefined if it is not known
  const rss = sumOf(page, 'ralloc_process_resident_bytes');
  const isOver = sum(parts.map(([bytes]) => bytes)) > limit;
  const told = parts.map(([bytes, name]) => `${name} ${formatBytes(bytes)}`).join(' + ');
  const bound = `${isOver ? '>' : '≤'} ${formatBytes(limit)}`;
  const resident = rss === undefined ? '' : `; ${formatBytes(rss)} in RAM`;
  const [most] = parts.toSorted(([a], [b]) => b - a);
  const advice =
    isOver &&
    `All of it at once has no room: lower the limit of the largest part, ${most[1]}, or give the process more.`;
  const value = `${told || 'no limits'} ${limit >= 0 ? bound : 'of a limit that is not known'}${resident}`;
  const kinds = [
    ['which memory it is', 'ralloc_process_memory_bytes'],
    ['what waits', 'ralloc_process_waiting_bytes'],
  ].map(([name, metric]) => [name, toldOf(kindsOf(page, metric))]);
  return [[server.name, value, advice], ...kinds.filter(([, told]) => told !== '')];
}

async function run({ json: isJson }, addresses) {
  if (addresses.length > 1) throw new UsageError('Give one address at most');
  const server = (await Promise.all(addresses.map(serverOf).map(serverCheck))).flat();
  const all = [...ownChecks(), ...server];
  if (isJson) {
    const checks = all.map(([name, value, advice]) => ({ name, value, advice: advice || null }));
    print(JSON.stringify({ checks }, null, 2));
  }
  for (const [name, value, advice] of isJson ? [] : all)
    print(`${name}: ${value}${advice ? `\n  → ${advice}` : ''}`);
  return server.some(([, , advice]) => advice) ? FAILED : OK;
}

module.exports = { summary, usage, run };
