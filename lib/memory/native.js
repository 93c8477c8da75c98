'use strict';

// Finds and loads the platform's binary, else the fallback; the only place that does. Both have the seam:
// LeasedArena, trimDepot, depotStats, version, and by slabs(): LeasedSlab.

const { createRequire } = require('node:module');
const { isMainThread } = require('node:worker_threads');
const { version } = require('../../package.json');
const { warnOnce } = require('../base/warnings.js');

/** Names of the binaries that this host may load, as napi-rs gives them; the C library's loader refuses the wrong one. */
function platforms() {
  const { platform: os, arch } = process;
  if (os === 'linux') return [`linux-${arch}-gnu`, `linux-${arch}-musl`];
  if (os === 'win32') return [`win32-${arch}-msvc`];
  return [`${os}-${arch}`];
}

/** Where binaries lie: one that was built here, or copied beside a bundle, goes before an installed one. */
function places() {
  const names = platforms();
  const files = names.map((name) => `ralloc.${name}.node`);
  return [
    ...files.map((file) => `../../${file}`),
    ...files.map((file) => `./${file}`),
    ...names.map((name) => `@ralloc/${name}`),
  ];
}

/**
 * Node's own require, also in a bundle: bundlers replace `require` by what knows only their modules, and
 * leave this. One that is a module itself has no __filename, but perhaps a `require` that its maker gave it.
 */
const load = typeof __filename === 'string' ? createRequire(__filename) : require;

// Deno 2.9 runs the finalizers of external ArrayBuffers on a thread of V8's, where Node-API has no HandleScope:
// that is the end of the process, some collections after the first lease.
const FINALIZES_ELSEWHERE = 'Deno runs finalizers of native memory on other threads';

function binding() {
  if (process.versions.deno !== undefined) throw new Error(FINALIZES_ELSEWHERE);
  const failures = []; // of binaries that are there
  for (const place of places()) {
    try {
      return load(place);
    } catch (error) {
      if (error?.code !== 'MODULE_NOT_FOUND') failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  throw new Error(`there is no binary for ${platforms()[0]}`);
}

function checkVersion(native) {
  const theirs = native.version();
  if (theirs !== version) throw new Error(`the binary is of version ${theirs}, not ${version}`);
}

/** Whether the two halves fit, and the runtime's own word on external memory: sandboxed builds of V8 refuse it. */
function probe(native) {
  checkVersion(native);
  const registers = new Float64Array(16);
  const leases = new native.LeasedArena(1 << 16, 1 << 16, false);
  const ab = leases.lease(1, 1, true, registers);
  if (ab.kind !== undefined) return; // no memory at the moment
  leases.quarantine(registers[0], registers[1], 0, ab);
}

/** What RALLOC_BACKEND asks for. Deno lets nobody read it without --allow-env. */
function wanted() {
  try {
    return process.env.RALLOC_BACKEND;
  } catch {
    return undefined;
  }
}

function choose() {
  if (wanted() === 'js') return fallback();
  // A worker's finalizers run at its end even for memory that another isolate got from it meanwhile; V8's
  // own memory survives that, so the arenas of workers use it.
  if (!isMainThread) return fallback();
  try {
    const native = binding();
    probe(native);
    return { ...native, backend: 'native' };
  } catch (error) {
    warnOnce('RALLOC_JS_BACKEND', reason(error));
    return fallback();
  }
}

/** In one line: the error's code, unless its message has it, and what the message begins with. */
function reason(error) {
  const line = String(error?.message ?? error).replace(/\.?(\n.*)?$/s, '');
  const { code } = Object(error);
  return code === undefined || line.includes(code) ? line : `${code}: ${line}`;
}

const fallback = () => ({ ...require('./fallback/arena.js'), backend: 'js' });

const memory = choose();

let slabsOfThread;

/**
 * The class of slabs, and its backend. Slabs that other threads may have are native in workers too, and their
 * addresses stay taken when a worker ends. Those of a worker alone are in V8's memory, as its arenas are; and
 * workers without slabs need not load the binary.
 */
function slabs(needsNative) {
  if (!isMainThread && !needsNative) return { ...require('./fallback/slab.js'), backend: 'js' };
  slabsOfThread ??= chooseSlabs();
  return slabsOfThread;
}

function chooseSlabs() {
  const { backend, LeasedSlab } = memory;
  if (backend === 'native') return { LeasedSlab, backend };
  if (!isMainThread && wanted() !== 'js') {
    try {
      const native = binding();
      probeSlab(native);
      return { LeasedSlab: native.LeasedSlab, backend: 'native' };
    } catch {
      // The main thread has warned of it.
    }
  }
  return { ...require('./fallback/slab.js'), backend: 'js' };
}

/** As probe(). */
function probeSlab(native) {
  checkVersion(native);
  new native.LeasedSlab().probe();
}

module.exports = { ...memory, slabs };
