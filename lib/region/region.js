'use strict';

// The class Region: Buffers of any size that live long, freed one by one. Its state is in core.js.

const { inspect } = require('node:util');
const check = require('../base/validate.js');
const { allocFilled, tryAllocFilled } = require('../base/fill.js');
const { showProfiler } = require('../base/seen.js');
const { tracker } = require('../base/tracker.js');
const { install } = require('../guard/install.js');
const { isHeld, release, take } = require('./buffer.js');
const { RegionCore } = require('./core.js');
const { regionSettings } = require('./options.js');
const { describeRegion, regionStats } = require('./stats.js');

/** Whether a view is over memory of a region. */
let covers;
let coreOf;

class Region {
  #core;

  constructor(options) {
    const settings = regionSettings(options);
    settings.guard = install(settings.guard);
    this.#core = new RegionCore(settings);
    tracker.opened?.(this, this.#core, 'region');
  }

  // Hot: see bench/region.js. `>>>` catches in one compare what is not an integer, negative, or 4 GiB and more.
  allocUnsafe(size) {
    const core = this.#core;
    const buffer = typeof size === 'number' && size >>> 0 === size ? take(core, size, false) : null;
    return buffer !== null ? buffer : core.allocSlow(size, false);
  }

  alloc(size, fill, encoding) {
    if (fill !== undefined) return allocFilled(this, size, fill, encoding);
    const core = this.#core;
    const buffer = typeof size === 'number' && size >>> 0 === size ? take(core, size, true) : null;
    return buffer !== null ? buffer : core.allocSlow(size, true);
  }

  tryAllocUnsafe(size) {
    const core = this.#core;
    const buffer = typeof size === 'number' && size >>> 0 === size ? take(core, size, false) : null;
    return buffer !== null ? buffer : core.tryAllocSlow(size, false);
  }

  tryAlloc(size, fill, encoding) {
    if (fill !== undefined) return tryAllocFilled(this, size, fill, encoding);
    const core = this.#core;
    const buffer = typeof size === 'number' && size >>> 0 === size ? take(core, size, true) : null;
    return buffer !== null ? buffer : core.tryAllocSlow(size, true);
  }

  free(buffer) {
    release(this.#core, buffer);
  }

  owns(buffer) {
    return isHeld(this.#core, buffer);
  }

  get name() {
    return this.#core.settings.name;
  }

  collect() {
    return this.#core.collector.collect();
  }

  close(options) {
    const { force = false } = check.options(options, { force: check.boolean });
    this.#core.close(force);
  }

  [Symbol.dispose]() {
    this.#core.close(true);
  }

  stats() {
    return regionStats(this.#core);
  }

  [inspect.custom]() {
    if (!(#core in this)) return 'Region {}'; // a Proxy of one, or its heir
    return describeRegion(this.#core);
  }

  static {
    covers = (region, view) => region.#core.hasChunk(view.buffer);
    coreOf = (region) => region.#core;
  }
}

showProfiler('region', Region.prototype);

module.exports = { Region, coreOf, covers };
