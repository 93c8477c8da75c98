'use strict';

// Finds and loads the platform's binary, else the fallback; the only place that does. Both have the seam:
// LeasedArena, trimDepot, depotStats, version.

const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { isMainThread } = require('node:worker_threads');
const { version } = require('../package.json');
const { warnOnce } = require('./warnings.js');

/** Names of the binaries that this host may load, as napi-rs gives them; the C library's loader refuses the wrong one. */
function platforms() {
  const { platform: os, arch } = process;
  if (os === 'linux') return [`linux-${arch}-gnu`, `linux-${arch}-musl`];
  if (os === 'win32') return [`win32-${arch}-msvc`];
  return [`${os}-${arch}`];
}

/** A binary built here goes before an installed one. */
function binding() {
  const names = platforms();
  const local = names
    .map((name) => join(__dirname, '..', `ralloc.${name}.node`))
    .find((file) => existsSync(file));
  if (local !== undefined) return require(local);
  let failure;
  for (const name of names) {
    try {
      return require(`@ralloc/${name}`);
    } catch (error) {
      // Some package managers install both C libraries' packages: the other one may still load.
      if (error.code !== 'MODULE_NOT_FOUND') failure ??= error;
    }
  }
  throw failure ?? new Error(`there is no binary for ${names[0]}`);
}

/** A binary of another release may differ in its seam; a package manager's overrides can bring one. */
function checkVersion(native) {
  const found = native.version();
  if (found !== version) throw new Error(`the binary is of ralloc ${found}, this is ${version}`);
}

/** The runtime's own word on external memory: sandboxed builds of V8 refuse it. */
function probe(native) {
  const registers = new Float64Array(16);
  const leases = new native.LeasedArena(1 << 16, 1 << 16, false);
  const ab = leases.lease(1, 1, true, registers);
  if (!(ab instanceof ArrayBuffer)) return;
  leases.quarantine(registers[0], registers[1], 0, ab);
}

function load() {
  if (process.env.RALLOC_BACKEND === 'js') return fallback();
  // A worker's finalizers run at its end even for memory that another isolate got from it meanwhile; V8's
  // own memory survives that, so the arenas of workers use it.
  if (!isMainThread) return fallback();
  try {
    const native = binding();
    checkVersion(native);
    probe(native);
    return { ...native, backend: 'native' };
  } catch (error) {
    warnOnce('RALLOC_JS_BACKEND', error.message);
    return fallback();
  }
}

const fallback = () => ({ ...require('./fallback.js'), backend: 'js' });

module.exports = load();
