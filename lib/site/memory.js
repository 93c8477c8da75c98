'use strict';

// The slab and the region of all sites of a thread. Each is created for its first Buffer, and stays, since its Buffers may be in use.

const { RallocError } = require('../base/errors.js');
const { kHolder, kMemory } = require('../base/protocol.js');
const { warnOnce } = require('../base/warnings.js');
const { install } = require('../node/guard/install.js');
const { isOfRegion } = require('../region/buffer.js');
const { Region, coreOf: regionCore, covers: regionCovers } = require('../region/region.js');
const regionErrors = require('../region/errors.js');
const { isOfSlab } = require('../slab/buffer.js');
const { Slab, coreOf: slabCore, covers: slabCovers } = require('../slab/slab.js');
const slabErrors = require('../slab/errors.js');
const { MOST_SLOT, SLAB } = require('./routes.js');

const MiB = 1024 * 1024;
const LEAST_SLOT = 64;
const POOLS = Math.log2(MOST_SLOT / LEAST_SLOT) + 1;

const DEFAULTS = Object.freeze({
  maxSlabBytes: 64 * MiB,
  maxRegionBytes: 64 * MiB,
  guard: true,
});

let settings = DEFAULTS;
let slab = null;
let region = null;

/** Buffers of these two that somebody holds → { count, isFreed }: how many holds, and whether free() was called meanwhile. */
const holds = new WeakMap();

const NAMES = { maxSlabBytes: 'slab', maxRegionBytes: 'region' };
const isMade = { maxSlabBytes: () => slab !== null, maxRegionBytes: () => region !== null };

/** Throws where what is made already would have to be another one. */
function checkLimits(wanted) {
  for (const [option, of] of Object.entries(NAMES)) {
    if (!isMade[option]() || wanted[option] === settings[option]) continue;
    throw new RallocError(
      'ERR_RALLOC_UNSUPPORTED',
      `The ${of} of sites is in use, with ${option}: ${settings[option]}. Load the table with its options before the first Buffer`,
    );
  }
}

/** Sets how memory is created from now on. `isRouted`: whether any will be needed. */
function setMemory(wanted, isRouted) {
  settings = { ...wanted, guard: isRouted ? install(wanted.guard) : wanted.guard };
}

function makeSlab() {
  const { maxSlabBytes: maxBytes, guard } = settings;
  const sizes = Array.from({ length: POOLS }, (_, i) => LEAST_SLOT * 2 ** i);
  slab = new Slab({ name: 'sites', sizes, maxCount: 2 ** 30, maxBytes, guard });
  return slab;
}

function makeRegion() {
  const { maxRegionBytes: maxBytes, guard } = settings;
  region = new Region({ name: 'sites', maxBytes, guard });
  return region;
}

/** SLAB or REGION → a Buffer of it, or null if it is full. */
function take(route, size, zero) {
  const owner = route === SLAB ? (slab ?? makeSlab()) : (region ?? makeRegion());
  const buffer = zero ? owner.tryAlloc(size) : owner.tryAllocUnsafe(size);
  if (buffer === null) tellFull(route);
  return buffer;
}

function tellFull(route) {
  const [of, option] = route === SLAB ? ['slab', 'maxSlabBytes'] : ['region', 'maxRegionBytes'];
  warnOnce('RALLOC_SITES_FULL', { of, option, bytes: settings[option] }, `RALLOC_SITES_FULL ${of}`);
}

/** The slab or the region that a Buffer is of, or was; null for what nobody has to free. Throws their errors. */
function ownerOf(buffer) {
  if (isOfSlab(buffer)) {
    if (slab === null) throw slabErrors.ofOtherSlab();
    return slab;
  }
  if (isOfRegion(buffer)) {
    if (region === null) throw regionErrors.ofOtherRegion();
    return region;
  }
  if (slab !== null && slabCovers(slab, buffer)) throw slabErrors.isView();
  if (region !== null && regionCovers(region, buffer)) throw regionErrors.isView();
  return null;
}

function checkFreed(buffer, isFreed) {
  if (isFreed) throw (isOfSlab(buffer) ? slabErrors : regionErrors).wasFreed();
}

/** Frees what is of the slab or the region, where somebody holds it after the last hold; false for what nobody has to free. Throws their errors. */
function free(buffer) {
  const owner = ownerOf(buffer);
  if (owner === null) return false;
  const held = holds.get(buffer);
  if (held === undefined || !owner.owns(buffer)) {
    owner.free(buffer);
    return true;
  }
  checkFreed(buffer, held.isFreed);
  held.isFreed = true;
  return true;
}

/** One hold more of what is of the slab or the region. Throws their errors. */
function hold(buffer) {
  const owner = ownerOf(buffer);
  if (owner === null) return;
  if (!owner.owns(buffer)) owner.free(buffer); // throws, as it cannot be freed
  const held = holds.get(buffer);
  if (held === undefined) {
    holds.set(buffer, { count: 1, isFreed: false });
    return;
  }
  checkFreed(buffer, held.isFreed);
  held.count++;
}

/** One hold less: the last one frees it. */
function letGo(buffer) {
  const held = holds.get(buffer);
  if (held === undefined) return;
  if (held.count === 1) {
    freeOnce(buffer);
    holds.delete(buffer);
  }
  held.count--;
}

/** Frees it unless that was done. */
function freeOnce(buffer) {
  if (slab?.owns(buffer)) slab.free(buffer);
  else if (region?.owns(buffer)) region.free(buffer);
}

/** Which memory a Buffer is of. */
function memoryOf(buffer) {
  if (isOfSlab(buffer)) return 'slab';
  if (isOfRegion(buffer)) return 'region';
  const ab = buffer.buffer;
  return ab[kHolder] !== undefined || ab[kMemory] === true ? 'arena' : 'heap';
}

/** Whether `core` is that of the slab or the region here: they are never closed. */
const isOfSites = (core) =>
  (slab !== null && slabCore(slab) === core) || (region !== null && regionCore(region) === core);

const memoryStats = () => ({ slab: slab?.stats() ?? null, region: region?.stats() ?? null });

module.exports = {
  DEFAULTS,
  checkLimits,
  free,
  freeOnce,
  hold,
  isOfSites,
  letGo,
  memoryOf,
  memoryStats,
  setMemory,
  take,
};
