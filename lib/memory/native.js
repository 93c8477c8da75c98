'use strict';

// Finds and loads the platform's binary, or else the fallback; no other file does. Both have the
// same interface: LeasedArena, trimDepot, depotStats, version, and by slabs(): LeasedSlab, by
// deaths(): Deaths.

const { createRequire } = require('node:module');
const process = require('node:process');
const { attempt } = require('../base/attempt.js');
const { readOne, variable } = require('../base/environment.js');
const { lazy } = require('../base/lazy.js');
const { isMainThread } = require('../base/runtime.js');
const { version } = require('../base/version.js');
const { warnOnce } = require('../base/warnings.js');
const { faultOf, libcOfBinary } = require('./binary-file.js');
const { libcs, placesOf } = require('./platform.js');

/** Not by lazy(), which no module may call while it loads. */
const missingBinary = () => require('./missing-binary.js');

/**
 * Node's own require, also in a bundle: bundlers replace `require` by a function that knows only
 * their modules, but not createRequire(). A bundle that is an ES module has no __filename, but may
 * have got a `require`.
 */
const load = typeof __filename === 'string' ? createRequire(__filename) : require;

/** @returns {string | undefined} the file at a place (platform.js); undefined if there is none */
function find(place) {
  try {
    return load.resolve === undefined ? place : load.resolve(place);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

const isNotFound = (error) => error?.code === 'MODULE_NOT_FOUND';

/**
 * Loads `file`. Does not load a binary if its file shows that it is for another platform or
 * incomplete.
 */
function loadFile(file, libc) {
  const isLinux = libc !== undefined && file.endsWith('.node');
  const fault = isLinux ? faultOf(file) : undefined;
  if (fault !== undefined) throw missingBinary().unavailable(`${file} ${fault}`, libc);
  try {
    return load(file);
  } catch (error) {
    const theirs = isLinux ? libcOfBinary(file) : undefined;
    if (theirs === undefined || theirs === libc) throw error;
    throw missingBinary().unavailable(
      `${file} is for ${theirs}, and this Node runs on ${libc}`,
      libc,
    );
  }
}

// Deno 2.9 runs the finalizers of external ArrayBuffers on one of V8's threads, where Node-API has
// no HandleScope. That crashes the process some collections after the first lease.
const FINALIZES_ELSEWHERE = 'Deno runs finalizers of native memory on other threads';

function binding() {
  if (process.versions.deno !== undefined) throw new Error(FINALIZES_ELSEWHERE);
  const failures = []; // of binaries that exist but cannot be loaded
  const possible = libcs();
  for (const libc of possible) {
    for (const place of placesOf(libc)) {
      try {
        const file = find(place);
        if (file !== undefined) return checkVersion(loadFile(file, libc), libc);
      } catch (error) {
        if (!isNotFound(error)) failures.push(error);
      }
    }
  }
  if (failures.length > 0) throw failures[0];
  throw missingBinary().missing(possible[0], (name) => find(name) !== undefined);
}

/** @returns `native`; throws if it is of another version */
function checkVersion(native, libc) {
  const theirs = native.version();
  if (theirs === version) return native;
  throw missingBinary().unavailable(`the binary is of version ${theirs}, not ${version}`, libc);
}

/**
 * Tries a lease, because only that shows whether the runtime allows external memory: sandboxed
 * builds of V8 refuse it.
 */
function probe(native) {
  const registers = new Float64Array(16);
  const leases = new native.LeasedArena(1 << 16, 1 << 16, false);
  const ab = leases.lease(1, 1, true, registers);
  if (ab === null || ab.kind !== undefined) return; // no memory at the moment
  leases.quarantine(registers[0], registers[1], 0, ab);
}

/**
 * Values of RALLOC_BACKEND. `native` is the default; the fallback replaces it if it cannot be
 * loaded.
 */
const BACKENDS = { js: 'js', native: 'native' };

const wantsFallback = () =>
  readOne(variable('RALLOC_BACKEND'), 'RALLOC_BACKEND', BACKENDS) === 'js';

let missed; // why the fallback is used instead of the binary

function choose() {
  // When a worker ends, its finalizers run even for memory that it has transferred to another
  // isolate. V8's own memory survives that, so arenas in workers use it.
  if (!isMainThread) return fallback('arenas in worker threads have memory of V8');
  if (wantsFallback()) return fallback('RALLOC_BACKEND is js');
  try {
    const native = binding();
    probe(native);
    return { ...native, backend: 'native', backendReason: undefined };
  } catch (error) {
    missed = reason(error);
    return fallback(missed);
  }
}

/**
 * An error in one line: its code, unless the message contains it, and the first line of its
 * message.
 */
function reason(error) {
  const line = String(error?.message ?? error).replace(/\.?(\n.*)?$/s, '');
  const { code } = Object(error);
  return code === undefined || line.includes(code) ? line : `${code}: ${line}`;
}

function fallback(backendReason) {
  return { ...require('./fallback/arena.js'), backend: 'js', backendReason };
}

const memory = choose();

const fallbackSlabs = lazy(() => require('./fallback/slab.js'));
const fallbackDeaths = lazy(() => require('./fallback/deaths.js'));

let slabsOfWorker; // null: the binary has none for it

/**
 * Returns the class of slabs, and its backend. Slabs that other threads can attach are native in
 * workers too, and their addresses stay reserved when the worker ends. Slabs of one worker alone
 * use V8's memory, as its arenas do. Workers without shared slabs need not load the binary.
 */
function slabs(needsNative) {
  const { backend, LeasedSlab } = memory;
  if (backend === 'native') return { LeasedSlab, backend };
  if (needsNative) slabsOfWorker ??= inWorker(probeSlabs) ?? null;
  const native = needsNative ? slabsOfWorker : null;
  return native ?? { ...fallbackSlabs(), backend: 'js' };
}

function probeSlabs({ LeasedSlab }) {
  new LeasedSlab().probe(); // as probe() above
  return { LeasedSlab, backend: 'native' };
}

/**
 * What use() returns of the binary in a worker, whose arenas do not use it; undefined if it cannot
 * be used, of which the main thread has emitted the warning.
 */
function inWorker(use) {
  if (isMainThread || wantsFallback()) return undefined;
  return attempt(() => use(binding()));
}

/**
 * Returns the class Deaths. It is native in workers too: its finalizers touch only the thread's own
 * memory.
 */
function deaths() {
  if (memory.backend === 'native') return memory.Deaths;
  return inWorker(({ Deaths }) => Deaths) ?? fallbackDeaths().Deaths;
}

/**
 * Called by modules that allocate, as they load: so at the next tick, which may load the warning's
 * text. The profiler does not call it, so that an application without ralloc gets no warning.
 */
function warnOfFallback() {
  if (missed !== undefined) process.nextTick(warnOnce, 'RALLOC_JS_BACKEND', missed);
}

module.exports = { ...memory, slabs, deaths, warnOfFallback };
