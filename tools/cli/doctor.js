'use strict';

// `ralloc doctor`: checks what this machine and this Node support, and gives advice; with an address, whether a server's limits fit its memory.

const fs = require('node:fs');
const process = require('node:process');
const v8 = require('node:v8');
const { attempt } = require('../../lib/base/attempt.js');
const { formatBytes, heapFlags } = require('../../lib/base/bytes.js');
const { leastOf, read: readLimits } = require('../../lib/budget/auto.js');
const { backend, backendReason } = require('../../lib/memory/native.js');
const { libcs, placesOf } = require('../../lib/memory/platform.js');
const { objection } = require('../../lib/request/tune.js');
const { version } = require('../../package.json');
const { FAILED, OK, UsageError } = require('./exit.js');
const { checkAddress, readPage, sumOf, withoutPassword } = require('./metrics-page.js');
const { print } = require('./print.js');

const summary = 'tell what this machine and Node can do for ralloc, and what to do about it';
const usage = `Usage: ralloc doctor [--json] [ADDRESS]

Tells what this machine and this Node can do, and what to do about it. With the address of a server's metrics
it also tells whether the limits of its budgets, arenas, slabs and regions fit into its memory together.

  --json    as JSON: [{ name, value, advice }]

Exit code 1 if a server's limits are more than its memory.

Example: ralloc doctor http://localhost:3000/metrics`;

const text = (file) => attempt(() => fs.readFileSync(file, 'utf8').trim(), undefined);

// A check is [name, value, advice]; the advice is missing if nothing is to be done.

/** Those reasons of `tune` not to set its flag that lie in V8. */
const OF_FLAG = {
  default: 'V8 counts the memory of Buffers toward the limit of the whole heap',
  unsupported: 'this V8 has no such flag',
};

function flagCheck() {
  const name = "V8's accounting of Buffers";
  const value = OF_FLAG[objection()];
  if (value !== undefined) return [name, value];
  const advice =
    'Where packages allocate large Buffers, requestArena({ tune: true }) saves collections: see docs/guide/production.md, "V8\'s flag for Buffers".';
  return [name, 'each byte counts toward a limit of its own, dead or alive', advice];
}

const HIDDEN = 'none that this process can see';

function shmCheck() {
  const name = '/dev/shm';
  const stats = attempt(() => fs.statfsSync(name), undefined);
  if (stats === undefined) return [name, HIDDEN];
  const [bytes, free] = [stats.blocks * stats.bsize, stats.bavail * stats.bsize];
  const advice = 'Slabs that processes share lie there. In Docker: --shm-size=512m.';
  const value = `${formatBytes(bytes)}, ${formatBytes(free)} free`;
  return [name, value, bytes < 128 * 2 ** 20 ? advice : undefined];
}

function linuxChecks() {
  if (process.platform !== 'linux') return [];
  const thp = /\[(\w+)\]/.exec(text('/sys/kernel/mm/transparent_hugepage/enabled') ?? '')?.[1];
  const locked = /^Max locked memory\s+(\S+)/m.exec(text('/proc/self/limits') ?? '')?.[1];
  const nodes = text('/sys/devices/system/node/online');
  const maps = text('/proc/sys/vm/max_map_count');
  const ofPages = "'madvise' gives them to those alone who ask for them, and RSS stays lower.";
  const ofMaps = 'Each slab and chunk is a mapping. Raise it to 65530 or more.';
  const lockable = Number(locked) >= 0 ? formatBytes(Number(locked)) : (locked ?? 'unknown');
  return [
    ['transparent huge pages', thp ?? HIDDEN, thp === 'always' ? ofPages : undefined],
    ['memory that may be locked', lockable],
    ['NUMA nodes', nodes === '0' ? 'one' : (nodes ?? 'unknown')],
    shmCheck(),
    ['vm.max_map_count', maps ?? 'unknown', Number(maps) < 65_530 ? ofMaps : undefined],
  ];
}

function memoryCheck() {
  const [from, memory] = leastOf(readLimits());
  const heap = v8.getHeapStatistics().heap_size_limit;
  const value = `${formatBytes(memory)} by the ${from}, of which V8's heap may take ${formatBytes(heap)}`;
  const advice = `Leave room for Buffers: node ${heapFlags(memory / 2)}.`;
  return ['memory of a process here', value, heap > 0.75 * memory ? advice : undefined];
}

function ownChecks() {
  const binaries = libcs().map((libc) => placesOf(libc).at(-1));
  return [
    ['Node', process.version],
    ['ralloc', `${version}, backend ${backend}`, backend === 'native' ? undefined : backendReason],
    ['binary for this platform', binaries.join(' or ')],
    flagCheck(),
    ['Buffer.poolSize', formatBytes(Buffer.poolSize)],
    memoryCheck(),
    ...linuxChecks(),
  ];
}

const PARTS = [
  ['budgets', ['ralloc_process_budgets_limit_bytes']],
  ['arenas', ['ralloc_arena_limit_bytes']],
  ['slabs', ['ralloc_slab_limit_bytes', 'ralloc_shared_slab_limit_bytes']],
  ['regions', ['ralloc_region_limit_bytes']],
  ["requests' heap", ['ralloc_arena_heap_limit_bytes']],
  ["V8's heap", ['ralloc_process_heap_limit_bytes']],
];

/** The check of a server's limits, which have advice if they do not fit. */
async function serverCheck(address) {
  const page = await readPage(address);
  const bytesOf = (names) => names.reduce((sum, name) => sum + (sumOf(page, name) ?? 0), 0);
  const parts = PARTS.map(([name, names]) => [name, bytesOf(names)]).filter(
    ([, bytes]) => bytes > 0,
  );
  const sum = parts.reduce((all, [, bytes]) => all + bytes, 0);
  const limit = sumOf(page, 'ralloc_process_memory_limit_bytes') ?? Number.NaN; // the page has none if it is unknown
  const rss = sumOf(page, 'ralloc_process_resident_bytes');
  const told = parts.map(([name, bytes]) => `${name} ${formatBytes(bytes)}`).join(' + ');
  const fits = !(sum > limit);
  const bound = Number.isNaN(limit)
    ? 'of a limit that is not known'
    : `${fits ? '≤' : '>'} ${formatBytes(limit)}`;
  const resident = rss === undefined ? '' : `; ${formatBytes(rss)} in RAM`;
  const [most] = parts.toSorted(([, a], [, b]) => b - a);
  const advice = fits
    ? undefined
    : `All of it at once has no room: lower the limit of the largest part, ${most[0]}, or give the process more.`;
  const value = `${told || 'no limits'} ${bound}${resident}`;
  return [withoutPassword(address), value, advice];
}

async function run({ json }, [address, ...others]) {
  if (others.length > 0) throw new UsageError('Give one address at most');
  if (address !== undefined) checkAddress(address);
  const server = address === undefined ? [] : [await serverCheck(address)];
  const checks = [...ownChecks(), ...server];
  const shown = checks.map(([name, value, advice = null]) => ({ name, value, advice }));
  if (json) print(JSON.stringify(shown, null, 2));
  else
    for (const { name, value, advice } of shown)
      print(`${name}: ${value}${advice === null ? '' : `\n  → ${advice}`}`);
  return server.some(([, , advice]) => advice !== undefined) ? FAILED : OK;
}

module.exports = { summary, usage, run };
