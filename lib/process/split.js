'use strict';

// Which memory a process has: RSS in parts, each of resident pages, that add up to it. What nobody
// knows is `native`: addons, libraries, the compiler, the heaps of worker threads, and what malloc
// keeps where it does not tell.
//
// Linux tells how much of RSS is of files. Of the rest V8 knows its heap, Node its ArrayBuffers,
// ralloc its own, and glibc what it keeps free. Pages that were never touched are not resident, so
// each part takes at most what those before it have left, and none is less than 0.

const fs = require('node:fs');
const process = require('node:process');
const v8 = require('node:v8');
const { attempt } = require('../base/attempt.js');
const { lazy } = require('../base/lazy.js');
const { instances } = require('../base/instances.js');
const time = require('../base/time.js');
const { keptNow } = require('../memory/malloc-trim.js');
const memory = require('../memory/native.js');
const { zlibBytes } = require('./inventory.js');

const SWEPT_MS = 500; // after a collection V8 sweeps ArrayBuffers beside the program
const MAPPED_MS = 1000;
const GROWN = 4 * 1024 * 1024;
const STATUS = '/proc/self/status';

const collections = lazy(() => new (require('../memory/gc.js').MajorCount)());

/** As UTF-8, in which Node reads a file without a Buffer. */
const readStatus = () => fs.readFileSync(STATUS, 'utf8');

/** Bytes of a field, which has KiB; undefined if there is none. */
function fieldOf(text, name) {
  const at = text.indexOf(`\n${name}:`);
  return at === -1 ? undefined : Number.parseInt(text.slice(at + name.length + 2), 10) * 1024;
}

let usage = { arrayBuffers: 0, external: 0 };
let statm; // a descriptor, and the bytes of its unit

/**
 * Keeps a descriptor for RSS: a process that has none left is told nothing by its system. From then
 * on splitNow() never throws.
 */
function keepReading() {
  statm ??= attempt(() => {
    const fd = fs.openSync('/proc/self/statm');
    const { rss } = process.memoryUsage();
    return { fd, page: 2 ** Math.round(Math.log2(rss / pagesIn(fd))) };
  });
}

function pagesIn(fd) {
  const bytes = new Uint8Array(128);
  const text = String.fromCharCode(...bytes.subarray(0, fs.readSync(fd, bytes, 0, 128, 0)));
  return Number(text.split(' ')[1]);
}

/** As process.memoryUsage() has it; without a descriptor, what has changed since is added. */
function usageNow(external) {
  try {
    usage = process.memoryUsage();
    return usage;
  } catch (error) {
    if (statm === undefined) throw error;
    const rss = pagesIn(statm.fd) * statm.page;
    return { rss, arrayBuffers: Math.max(0, usage.arrayBuffers + external - usage.external) };
  }
}

let mapped = {}; // bytes that are of files and of shared memory
let mappedAt = Number.NEGATIVE_INFINITY;
let mappedOf = 0; // RSS then

/**
 * Bytes of RSS that are of files and of shared memory; undefined where the system does not tell. To
 * ask takes longer than all else of a look: it is asked again after a second, or once RSS has
 * grown.
 */
function mappedIn(rss) {
  const now = time.now();
  if (now - mappedAt < MAPPED_MS && rss - mappedOf < GROWN) return mapped;
  const text = attempt(readStatus);
  if (text === undefined && mapped.files !== undefined) return mapped; // no descriptor is left
  mapped = { files: fieldOf(text ?? '', 'RssFile'), shared: fieldOf(text ?? '', 'RssShmem') ?? 0 };
  [mappedAt, mappedOf] = [now, rss];
  return mapped;
}

let majors = 0;
let collectedAt = Number.NEGATIVE_INFINITY;
let alive; // bytes of ArrayBuffers after the last collection that was swept

/**
 * Bytes of ArrayBuffers that lived after the last major collection; undefined as long as there was
 * none since the first call.
 */
function aliveOf(arrayBuffers) {
  const { count } = collections();
  const now = time.now();
  if (count !== majors) {
    majors = count;
    collectedAt = now;
    alive = undefined;
  } else if (alive === undefined && now - collectedAt >= SWEPT_MS && majors > 0)
    alive = arrayBuffers;
  if (alive !== undefined) alive = Math.min(alive, arrayBuffers);
  return alive;
}

/**
 * Bytes of what this thread's arenas, slabs and regions have touched, and of chunks that wait for
 * the next arena. Slabs that do not grow are of shared memory, which the system counts.
 */
function ownBytes() {
  if (memory.backend !== 'native') return 0; // they have ArrayBuffers of Node
  const numbers = new Float64Array(8);
  memory.depotStats(numbers);
  let sum = numbers[2];
  const each = (kind, bytesOf) => {
    for (const one of instances[kind].living()) sum += attempt(() => bytesOf(one), 0); // one that fails must not hide all others
  };
  each('mounts', (mount) => mount.leasedBytes);
  each('arenas', (pool) => pool.leasedBytes);
  each('slabs', (core) => (core.settings.grows ? core.touchedBytes : 0));
  each('regions', (core) => core.touchedBytes);
  return sum;
}

/**
 * Returns `{ rss, arrayBuffers, parts }`, in bytes. `parts`: `heapUsed`, `heapKept` (free, and kept
 * by V8), `buffers` (ArrayBuffers of Node; those that lived after the last collection, if `garbage`
 * is known), `garbage` (of later ones, dead or alive), `ralloc`, `mallocKept`, `zlib` (its open
 * streams, estimated), `code` (files, such as programs and libraries), `native`. A part that is not
 * known is undefined, and in `native`. Takes some 0.1 ms.
 */
function splitNow() {
  const {
    used_heap_size: used,
    total_physical_size: physical,
    external_memory: external,
  } = v8.getHeapStatistics();
  const { rss, arrayBuffers } = usageNow(external);
  const { files, shared } = mappedIn(rss);
  const kept = keptNow();
  const streams = zlibBytes();
  let left = rss;
  const take = (bytes) => {
    const part = Math.max(0, Math.min(bytes, left));
    left -= part;
    return part;
  };
  const code = files === undefined ? undefined : take(files);
  const heapUsed = take(Math.min(used, physical));
  const heapKept = take(physical - used);
  const ralloc = take(shared + ownBytes());
  const living = aliveOf(arrayBuffers);
  const buffers = take(living ?? arrayBuffers);
  const garbage = living === undefined ? undefined : take(arrayBuffers - living);
  const mallocKept = kept === undefined ? undefined : take(kept);
  const zlib = streams === undefined ? undefined : take(streams);
  return {
    rss,
    arrayBuffers,
    parts: { heapUsed, heapKept, buffers, garbage, ralloc, mallocKept, zlib, code, native: left },
  };
}

module.exports = { keepReading, splitNow };
