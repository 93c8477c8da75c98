'use strict';

// Finds and loads the platform's binary, else the fallback; the only place that does. Both have the seam:
// LeasedArena, trimDepot, depotStats, version, and by slabs(): LeasedSlab, by deaths(): Deaths.

const { createRequire } = require('node:module');
const process = require('node:process');
const { version } = require('../../package.json');
const { variable } = require('../base/environment.js');
const { lazy } = require('../base/lazy.js');
const { isMainThread } = require('../base/runtime.js');
const { warnOnce } = require('../base/warnings.js');
const { faultOf, libcOfBinary } = require('./binary-file.js');
const { libcs, missing, placesOf, unavailable } = require('./platform.js');

/**
 * Node's own require, also in a bundle: bundlers replace `require` by what knows only their modules, and
 * leave this. One that is a module itself has no __filename, but perhaps a `require` that its maker gave it.
 */
const load = typeof __filename === 'string' ? createRequire(__filename) : require;

/** @returns {string | undefined} the file at a place; undefined if there is none */
function find(place) {
  try {
    return load.resolve === undefined ? place : load.resolve(place);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

const isNotFound = (error) => error?.code === 'MODULE_NOT_FOUND';

/** Loads what is in `file`. A binary whose file says that it does not belong here, or is not whole, is not loaded. */
function loadFile(file, libc) {
  const isLinux = libc !== undefined && file.endsWith('.node');
  const fault = isLinux ? faultOf(file) : undefined;
  if (fault !== undefined) throw unavailable(`${file} ${fault}`, libc);
  try {
    return load(file);
  } catch (error) {
    const theirs = isLinux ? libcOfBinary(file) : undefined;
    if (theirs === undefined || theirs === libc) throw error;
    throw unavailable(`${file} is for ${theirs}, and this Node runs on ${libc}`, libc);
  }
}

// Deno 2.9 runs the finalizers of external ArrayBuffers on a thread of V8's, where Node-API has no HandleScope:
// that is the end of the process, some collections after the first lease.
const FINALIZES_ELSEWHERE = 'Deno runs finalizers of native memory on other threads';

function binding() {
  if (process.versions.deno !== undefined) throw new Error(FINALIZES_ELSEWHERE);
  const failures = []; // of binaries that are there
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
  throw missing(possible[0], (name) => find(name) !== undefined);
}

/** @returns `native`, if it is of this version */
function checkVersion(native, libc) {
  const theirs = native.version();
  if (theirs === version) return native;
  throw unavailable(`the binary is of version ${theirs}, not ${version}`, libc);
}

/** The runtime's own word on external memory: sandboxed builds of V8 refuse it. */
function probe(native) {
  const registers = new Float64Array(16);
  const leases = new native.LeasedArena(1 << 16, 1 << 16, false);
  const ab = leases.lease(1, 1, true, registers);
  if (ab === null || ab.kind !== undefined) return; // no memory at the moment
  leases.quarantine(registers[0], registers[1], 0, ab);
}

/** `native` is the default, and the fallback takes its place where it has to. */
const BACKENDS = [undefined, '', 'js', 'native'];

let missed; // why the fallback stands in the binary's place

function choose() {
  // A worker's finalizers run at its end even for memory that another isolate got from it meanwhile; V8's
  // own memory survives that, so the arenas of workers use it.
  if (!isMainThread) return fallback('arenas in worker threads have memory of V8');
  const wanted = variable('RALLOC_BACKEND');
  if (!BACKENDS.includes(wanted)) warnOnce('RALLOC_UNKNOWN_BACKEND', wanted);
  if (wanted === 'js') return fallback('RALLOC_BACKEND is js');
  try {
    const native = binding();
    probe(native);
    return { ...native, backend: 'native', backendReason: undefined };
  } catch (error) {
    missed = reason(error);
    return fallback(missed);
  }
}

/** In one line: the error's code, unless its message has it, and what the message begins with. */
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

let slabsOfThread;

/**
 * The class of slabs, and its backend. Slabs that other threads may have are native in workers too, and their
 * addresses stay taken when a worker ends. Those of a worker alone are in V8's memory, as its arenas are; and
 * workers without slabs need not load the binary.
 */
function slabs(needsNative) {
  if (!isMainThread && !needsNative) return { ...fallbackSlabs(), backend: 'js' };
  slabsOfThread ??= chooseSlabs();
  return slabsOfThread;
}

function chooseSlabs() {
  const { backend, LeasedSlab } = memory;
  if (backend === 'native') return { LeasedSlab, backend };
  if (!isMainThread && variable('RALLOC_BACKEND') !== 'js') {
    try {
      const native = binding();
      probeSlab(native);
      return { LeasedSlab: native.LeasedSlab, backend: 'native' };
    } catch {
      // The main thread has warned of it.
    }
  }
  return { ...fallbackSlabs(), backend: 'js' };
}

/** As probe(). */
function probeSlab(native) {
  new native.LeasedSlab().probe();
}

/** The class that tells deaths. Native in workers too: its finalizers touch no memory but the thread's own. */
function deaths() {
  if (memory.backend === 'native') return memory.Deaths;
  if (!isMainThread && variable('RALLOC_BACKEND') !== 'js') {
    try {
      return binding().Deaths;
    } catch {
      // The main thread has warned of it.
    }
  }
  return fallbackDeaths().Deaths;
}

/** Called by modules that allocate. The profiler does not, so that an application without ralloc gets no warning. */
function warnOfFallback() {
  if (missed !== undefined) warnOnce('RALLOC_JS_BACKEND', missed);
}

module.exports = { ...memory, slabs, deaths, warnOfFallback };
