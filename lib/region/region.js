'use strict';

// The class Region: Buffers of any size that live long, freed one by one. Its state is in core.js.

const { inspect } = require('node:util');
const check = require('../base/validate.js');
const { allocFilled, tryAllocFilled } = require('../base/fill.js');
const { lazy } = require('../base/lazy.js');
const { showAllocator } = require('../base/allocators.js');
const { observing } = require('../base/observer.js');
const { install } = require('../node/guard/install.js');

/** The implementation of regions: a server without regions does not load it. */
const inner = lazy(() => ({
  ...require('./core.js'),
  ...require('./options.js'),
  ...require('./stats.js'),
}));

let coreOf;

class Region {
  #core;

  constructor(options) {
    const { RegionCore, regionSettings } = inner();
    const settings = regionSettings(options);
    settings.guard = install(settings.guard);
    this.#core = new RegionCore(settings);
    observing.observer?.opened(this, this.#core, 'region');
  }

  // Hot: see bench/operations/buffers.js. `>>>` rejects in one compare what is not an integer,
  // negative, or 4 GiB and more.
  allocUnsafe(size) {
    const core = this.#core;
    const buffer =
      typeof size === 'number' && size >>> 0 === size ? core.take(core, size, false) : null;
    return buffer !== null ? buffer : core.allocSlow(size, false);
  }

  alloc(size, fill, encoding) {
    if (fill !== undefined) return allocFilled(this, size, fill, encoding);
    const core = this.#core;
    const buffer =
      typeof size === 'number' && size >>> 0 === size ? core.take(core, size, true) : null;
    return buffer !== null ? buffer : core.allocSlow(size, true);
  }

  tryAllocUnsafe(size) {
    const core = this.#core;
    const buffer =
      typeof size === 'number' && size >>> 0 === size ? core.take(core, size, false) : null;
    return buffer !== null ? buffer : core.tryAllocSlow(size, false);
  }

  tryAlloc(size, fill, encoding) {
    if (fill !== undefined) return tryAllocFilled(this, size, fill, encoding);
    const core = this.#core;
    const buffer =
      typeof size === 'number' && size >>> 0 === size ? core.take(core, size, true) : null;
    return buffer !== null ? buffer : core.tryAllocSlow(size, true);
  }

  free(buffer) {
    const core = this.#core;
    core.free(core, buffer);
  }

  owns(buffer) {
    const core = this.#core;
    return core.isHeld(core, buffer);
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
    return inner().regionStats(this.#core);
  }

  [inspect.custom]() {
    if (!(#core in this)) return 'Region {}'; // a Proxy of a Region, or an object that inherits from one
    return inner().describeRegion(this.#core);
  }

  static {
    coreOf = (region) => region.#core;
  }
}

showAllocator('region', Region.prototype);

module.exports = { Region, coreOf };
