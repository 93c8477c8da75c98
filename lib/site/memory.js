'use strict';

// The slab and the region of all sites of a thread. Each is created for its first Buffer, and
// stays, since its Buffers may be in use.

const { RallocError } = require('../base/errors.js');
const { kHolder, kMemory } = require('../base/protocol.js');
const { warnOnce } = require('../base/warnings.js');
const { isView, ofOther, wasFreed } = require('../memory/freed-buffers.js');
const { install } = require('../node/guard/install.js');
const regions = require('../region/buffer.js');
const { Region, coreOf: regionCore } = require('../region/region.js');
const slabs = require('../slab/buffer.js');
const { Slab, coreOf: slabCore } = require('../slab/slab.js');
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

function makeSlab(maxBytes, guard) {
  const sizes = Array.from({ length: POOLS }, (_, i) => LEAST_SLOT * 2 ** i);
  return new Slab({ name: 'sites', sizes, maxCount: 2 ** 30, maxBytes, guard });
}

const makeRegion = (maxBytes, guard) => new Region({ name: 'sites', maxBytes, guard });

class Memory {
  #make;
  #coreOf;
  made = null;

  constructor({ kind, isOurs }, option, make, coreOf) {
    this.kind = kind;
    this.isOurs = isOurs;
    this.option = option; // its limit
    this.#make = make;
    this.#coreOf = coreOf;
  }

  get core() {
    return this.made === null ? null : this.#coreOf(this.made);
  }

  /** Returns null if it is full. */
  take(size, zero) {
    const { kind, option } = this;
    const bytes = settings[option];
    this.made ??= this.#make(bytes, settings.guard);
    const buffer = zero ? this.made.tryAlloc(size) : this.made.tryAllocUnsafe(size);
    if (buffer === null)
      warnOnce('RALLOC_SITES_FULL', { of: kind, option, bytes }, `RALLOC_SITES_FULL ${kind}`);
    return buffer;
  }

  stats() {
    return this.made?.stats() ?? null;
  }
}

const slab = new Memory(slabs, 'maxSlabBytes', makeSlab, slabCore);
const region = new Memory(regions, 'maxRegionBytes', makeRegion, regionCore);
const memories = [slab, region];

/**
 * Held Buffers of these two -> { count, isFreed }: the number of holds, and whether free() was
 * called meanwhile.
 */
const holds = new WeakMap();

/** Throws if the slab or region already exists with another limit. */
function checkLimits(wanted) {
  for (const { kind, option, made } of memories) {
    if (made === null || wanted[option] === settings[option]) continue;
    throw new RallocError(
      'ERR_RALLOC_UNSUPPORTED',
      `The ${kind} of sites is in use, with ${option}: ${settings[option]}. Load the table with its options before the first Buffer`,
    );
  }
}

/** Sets how memory is created from now on. `isRouted`: whether any will be needed. */
function setMemory(wanted, isRouted) {
  settings = { ...wanted, guard: isRouted ? install(wanted.guard) : wanted.guard };
}

/** Returns a Buffer of the slab or region (`route`: SLAB or REGION), or null if it is full. */
const take = (route, size, zero) => (route === SLAB ? slab : region).take(size, zero);

/**
 * Returns the slab or region of a Buffer, freed or not; null for a Buffer that need not be freed.
 * Throws their errors.
 */
function ownerOf(buffer) {
  const memory = memories.find(({ isOurs }) => isOurs(buffer));
  if (memory?.made === null) throw ofOther(memory.kind);
  if (memory !== undefined) return memory.made;
  const whole = memories.find(({ core }) => core?.hasMemory(buffer.buffer));
  if (whole !== undefined) throw isView(whole.kind);
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
const freeOnce = (buffer) => memories.find(({ made }) => made?.owns(buffer))?.made.free(buffer);

/** The kind of memory that a Buffer is in. */
function memoryOf(buffer) {
  const memory = memories.find(({ isOurs }) => isOurs(buffer));
  if (memory !== undefined) return memory.kind;
  const ab = buffer.buffer;
  return ab[kHolder] !== undefined || ab[kMemory] === true ? 'arena' : 'heap';
}

/** Whether `core` belongs to the slab or region of sites, which are never closed. */
const isOfSites = (core) => memories.some((memory) => memory.core === core);

const memoryStats = () => ({ slab: slab.stats(), region: region.stats() });

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
