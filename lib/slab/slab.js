'use strict';

// The class Slab: Buffers over slots of fixed sizes, freed one by one. Its state is in core.js.

const { inspect } = require('node:util');
const check = require('../base/validate.js');
const { RallocError } = require('../base/errors.js');
const { allocFilled, tryAllocFilled } = require('../base/fill.js');
const { runScope } = require('../base/scope.js');
const { showProfiler } = require('../base/seen.js');
const { tracker } = require('../base/tracker.js');
const { install } = require('../guard/install.js');
const { node } = require('../memory/options.js');
const { release, isHeld, send } = require('./buffer.js');
const { SlabCore } = require('./core.js');
const { attaching } = require('./lease.js');
const {
  attachSettings,
  createSettings,
  handleParts,
  openSettings,
  slabSettings,
} = require('./options.js');
const { place } = require('./placement.js');
const shared = require('./shared.js');
const { slabStats, describeSlab } = require('./stats.js');

const kInternal = Symbol('ralloc.internal');

/** Whether a view is over memory of a slab. */
let covers;
let coreOf;

const ESCAPED =
  'The function returned the Buffer of use(), which is freed now. Return a copy: Buffer.from(buffer)';

/** Whether `value` is `buffer`, of `size` bytes, or a view of some of its bytes. */
function overlaps(value, buffer, size) {
  if (value === buffer) return true;
  if (!ArrayBuffer.isView(value) || value.buffer !== buffer.buffer) return false;
  const { byteOffset } = buffer;
  return value.byteOffset < byteOffset + size && value.byteOffset + value.byteLength > byteOffset;
}

class Slab {
  #core;
  #sizes = null;

  constructor(options, internal, core) {
    if (internal === kInternal) {
      this.#core = core;
      return;
    }
    this.#core = new SlabCore(slabSettings(options));
    this.#core.open();
    this.#guard();
  }

  /** Attaches to the slab of another thread of this process. */
  static attach(handle, options) {
    const settings = attachSettings(options);
    return Slab.#over(settings, attaching(handleParts(handle)));
  }

  /** A new slab that processes share; null: without a name. */
  static create(name, options) {
    if (name !== null) shared.checkName(name);
    const settings = createSettings(options, name);
    return Slab.#over(settings, shared.creating(name, false, settings));
  }

  /** Opens the slab of a name, or of a descriptor. */
  static open(from, options) {
    shared.checkFrom(from);
    const settings = openSettings(options, from);
    return Slab.#over(settings, shared.opening(from, settings));
  }

  static openOrCreate(name, options) {
    shared.checkName(name);
    const settings = createSettings(options, name);
    return Slab.#over(settings, shared.creating(name, true, settings));
  }

  static unlink(name) {
    return shared.unlink(name);
  }

  static list() {
    return shared.list();
  }

  static #over(settings, how) {
    const core = SlabCore.over(settings, how);
    const slab = new Slab(undefined, kInternal, core);
    core.face = slab;
    if (settings.between) shared.leaveAtExit(core);
    slab.#guard();
    return slab;
  }

  #guard() {
    const { settings } = this.#core;
    settings.guard = install(settings.guard);
    tracker.opened?.(this, this.#core, 'slab');
  }

  // Hot: with its free `recycle` takes 6 ns, `checked` 25, 15 of these for the view. `>>>` catches in one compare
  // what is not an integer, negative, or 4 GiB and more.
  allocUnsafe(size) {
    const core = this.#core;
    if (typeof size !== 'number' || size >>> 0 !== size) core.checkSize(size);
    const buffer = core.poolByClass[32 - Math.clz32(size - 1)].take(size, false);
    return buffer !== null ? buffer : core.allocSlow(size, false);
  }

  alloc(size, fill, encoding) {
    if (fill !== undefined) return allocFilled(this, size, fill, encoding);
    const core = this.#core;
    if (typeof size !== 'number' || size >>> 0 !== size) core.checkSize(size);
    const buffer = core.poolByClass[32 - Math.clz32(size - 1)].take(size, true);
    return buffer !== null ? buffer : core.allocSlow(size, true);
  }

  tryAllocUnsafe(size) {
    const core = this.#core;
    if (typeof size !== 'number' || size >>> 0 !== size) core.checkSize(size);
    const buffer = core.poolByClass[32 - Math.clz32(size - 1)].take(size, false);
    return buffer !== null ? buffer : core.tryAllocSlow(size, false);
  }

  tryAlloc(size, fill, encoding) {
    if (fill !== undefined) return tryAllocFilled(this, size, fill, encoding);
    const core = this.#core;
    if (typeof size !== 'number' || size >>> 0 !== size) core.checkSize(size);
    const buffer = core.poolByClass[32 - Math.clz32(size - 1)].take(size, true);
    return buffer !== null ? buffer : core.tryAllocSlow(size, true);
  }

  free(buffer) {
    release(this.#core, buffer);
  }

  use(size, fn) {
    check.func(fn, 'fn');
    const core = this.#core;
    let buffer = null;
    const open = () => {
      buffer = this.alloc(size);
      return buffer;
    };
    const leave = (result) => {
      if (buffer === null) return false;
      const escapes = overlaps(result, buffer, size);
      if (isHeld(core, buffer)) release(core, buffer);
      buffer = null;
      return escapes;
    };
    return runScope(fn, open, leave, core, ESCAPED);
  }

  owns(buffer) {
    return isHeld(this.#core, buffer);
  }

  get sizes() {
    this.#sizes ??= Object.freeze(this.#core.settings.pools.map(({ size }) => size));
    return this.#sizes;
  }

  get footprint() {
    const { leased, isLive } = this.#core;
    return isLive && leased !== null ? leased.footprint() : 0;
  }

  get name() {
    return this.#core.settings.name;
  }

  get fd() {
    const { leased, isLive, settings } = this.#core;
    return isLive && settings.between && settings.name === '' ? leased.descriptor() : null;
  }

  participants() {
    return shared.participants(this.#core);
  }

  recover() {
    return shared.recover(this.#core);
  }

  bind(numaNode) {
    node(numaNode, 'node');
    place(this.#core, 'bind', { numaNode }, numaNode);
  }

  lock() {
    place(this.#core, 'lock', { lock: true });
  }

  handle() {
    return this.#core.handle();
  }

  send(buffer) {
    return send(this.#core, buffer);
  }

  receive(token) {
    return this.#core.receive('receive', token);
  }

  revoke(token) {
    return this.#core.receive('revoke', token);
  }

  close(options) {
    const { force = false } = check.options(options, { force: check.boolean });
    this.#close(force);
  }

  [Symbol.dispose]() {
    this.#close(true);
  }

  #close(force) {
    if (this.#core.settings.isDefault) {
      throw new RallocError(
        'ERR_RALLOC_UNSUPPORTED',
        'The default slab cannot be closed. To close one, create a slab of your own',
      );
    }
    this.#core.close(force);
  }

  stats() {
    return slabStats(this.#core);
  }

  [inspect.custom]() {
    if (!(#core in this)) return 'Slab {}'; // a Proxy of one, or its heir
    return describeSlab(this.#core);
  }

  static {
    covers = (slab, view) => slab.#core.hasSegment(view.buffer);
    coreOf = (slab) => slab.#core;
  }
}

/** A slab that takes no memory before its first allocation, and is never closed. */
function lazySlab(options) {
  const settings = { ...slabSettings(options), isDefault: true };
  return new Slab(undefined, kInternal, new SlabCore(settings));
}

showProfiler('slab', Slab.prototype);

module.exports = { Slab, coreOf, covers, lazySlab };
