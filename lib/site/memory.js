'use strict';

// The slab and the region of all sites of a thread. Each is created for its first Buffer, and
// stays, since its Buffers may be in use.

const { RallocError } = require('../base/errors.js');
const { kHolder, kMemory } = require('../base/protocol.js');
const { warnOnce } = require('../base/warnings.js');
const { isView, ofOther, wasFreed } = require('../memory/free-errors.js');
const { install } = require('../node/guard/install.js');
const { isOfRegion } = require('../region/buffer.js');
const { Region, coreOf: regionCore, covers: regionCovers } = require('../region/region.js');
const { isOfSlab } = require('../slab/buffer.js');
const { Slab, coreOf: slabCore, covers: slabCovers } = require('../slab/slab.js');
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

/**
 * Held Buffers of these two -> { count, isFreed }: the number of holds, and whether free() was
 * called meanwhile.
 */
const holds = new WeakMap();

const NAMES = { maxSlabBytes: 'slab', maxRegionBytes: 'region' };
const isMade = { maxSlabBytes: () => slab !== null, maxRegionBytes: () => region !== null };

/** Throws if the slab or region already exists with another limit. */
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

/** Returns a Buffer of the slab or region (`route`: SLAB or REGION), or null if it is full. */
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

/**
 * Returns the slab or region of a Buffer, freed or not; null for a Buffer that need not be freed.
 * Throws their errors.
 */
function ownerOf(buffer) {
  if (isOfSlab(buffer)) {
    if (slab === null) throw ofOther('slab');
    return slab;
  }
  if (isOfRegion(buffer)) {
    if (region === null) throw ofOther('region');
    return region;
  }
  if (slab !== null && slabCovers(slab, buffer)) throw isView('slab');
  if (region !== null && regionCovers(region, buffer)) throw isView('region');
  return null;
}

function checkFreed({ isFreed }) {
  if (isFreed) throw wasFreed();
}

/**
 * Frees a Buffer of the slab or region, after its last hold; returns false if it need not be freed.
 * Throws their errors.
 */
function free(buffer) {
  const owner = ownerOf(buffer);
  if (owner === null) return false;
  const held = holds.get(buffer);
  if (held === undefined || !owner.owns(buffer)) {
    owner.free(buffer);
    return true;
  }
  checkFreed(held);
  held.isFreed = true;
  return true;
}

/** Adds a hold to a Buffer of the slab or region. Throws their errors. */
function hold(buffer) {
  const owner = ownerOf(buffer);
  if (owner === null) return;
  if (!owner.owns(buffer)) owner.free(buffer); // throws, because the Buffer cannot be freed
  const held = holds.get(buffer);
  if (held === undefined) {
    holds.set(buffer, { count: 1, isFreed: false });
    return;
  }
  checkFreed(held);
  held.count++;
}

/** Removes a hold. The last one frees the Buffer if free() was called meanwhile. */
function letGo(buffer) {
  const held = holds.get(buffer);
  if (held === undefined) return;
  if (held.count === 1) {
    freeOnce(buffer);
    holds.delete(buffer);
  }
  held.count--;
}

/** Frees the Buffer, unless it was freed before. */
function freeOnce(buffer) {
  if (slab?.owns(buffer)) slab.free(buffer);
  else if (region?.owns(buffer)) region.free(buffer);
}

/** The kind of memory that a Buffer is in. */
function memoryOf(buffer) {
  if (isOfSlab(buffer)) return 'slab';
  if (isOfRegion(buffer)) return 'region';
  const ab = buffer.buffer;
  return ab[kHolder] !== undefined || ab[kMemory] === true ? 'arena' : 'heap';
}

/** Whether `core` belongs to the slab or region of sites, which are never closed. */
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
