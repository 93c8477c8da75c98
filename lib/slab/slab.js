'use strict';

// The class Slab: Buffers over slots of fixed sizes, freed one by one. Its state is in core.js.

const { inspect } = require('node:util');
const check = require('../base/validate.js');
const { RallocError } = require('../base/errors.js');
const { allocFilled, tryAllocFilled } = require('../base/fill.js');
const { runScope } = require('../base/scope.js');
const { showAllocator } = require('../base/allocators.js');
const { observing } = require('../base/observer.js');
const { lazy } = require('../base/lazy.js');
const { install } = require('../node/guard/install.js');
const { node } = require('../memory/options.js');

/** The implementation of slabs: a server without slabs does not load it. */
const inner = lazy(() => ({
  ...require('./core.js'),
  ...require('./lease.js'),
  ...require('./options.js'),
  ...require('./shared.js'),
  ...require('./stats.js'),
}));

const kInternal = Symbol('ralloc.internal');

let coreOf;
let lazySlab;

const ESCAPED =
  'The function returned the Buffer of use(), which is freed now. Return a copy: Buffer.from(buffer)';

/** Whether `value` is `buffer`, of `size` bytes, or a view of some of its bytes. */
function overlaps(value, buffer, size) {
  if (value === buffer) return true;
  if (!ArrayBuffer.isView(value) || value.buffer !== buffer.buffer) return false;
  const { byteOffset } = buffer;
  return value.byteOffset < byteOffset + size && value.byteOffset + value.byteLength > byteOffset;
}

/**
 * The default slab's core until its first use. Its pools are empty, so that hot calls take the slow
 * path. `asleep`: the options of the core; `awake()` returns that.
 */
const asleepCore = (asleep, awake) => ({
  asleep,
  poolByClass: new Array(33).fill({ take: () => null }),
  checkSize: (size) => awake().checkSize(size),
  allocSlow: (size, zero) => awake().allocSlow(size, zero),
  tryAllocSlow: (size, zero) => awake().tryAllocSlow(size, zero),
  free: (_core, buffer) => awake().free(awake(), buffer),
});

class Slab {
  #core;
  #sizes = null;

  constructor(options, internal, core) {
    if (internal === kInternal) {
      this.#core = core;
      return;
    }
    const { SlabCore, slabSettings } = inner();
    this.#core = new SlabCore(slabSettings(options));
    this.#core.open();
    this.#guard();
  }

  /** Attaches to the slab of another thread of this process. */
  static attach(handle, options) {
    const { attachSettings, attaching, handleParts } = inner();
    const settings = attachSettings(options);
    return Slab.#over(settings, attaching(handleParts(handle)));
  }

  /** Creates a slab that processes share; null: without a name. */
  static create(name, options) {
    const { checkName, createSettings, creating } = inner();
    if (name !== null) checkName(name);
    const settings = createSettings(options, name);
    return Slab.#over(settings, creating(name, false, settings));
  }

  /** Opens the slab of a name, or of a descriptor. */
  static open(from, options) {
    const { checkFrom, openSettings, opening } = inner();
    checkFrom(from);
    const settings = openSettings(options, from);
    return Slab.#over(settings, opening(from, settings));
  }

  static openOrCreate(name, options) {
    const { checkName, createSettings, creating } = inner();
    checkName(name);
    const settings = createSettings(options, name);
    return Slab.#over(settings, creating(name, true, settings));
  }

  static unlink(name) {
    return inner().unlink(name);
  }

  static list() {
    return inner().list();
  }

  static #over(settings, how) {
    const core = inner().SlabCore.over(settings, how);
    const slab = new Slab(undefined, kInternal, core);
    core.face = slab;
    if (settings.between) inner().leaveAtExit(core);
    slab.#guard();
    return slab;
  }

  /** Returns the core; creates that of the default slab at its first use. */
  #awake() {
    const { asleep: options } = this.#core;
    if (options !== undefined) {
      const { SlabCore, slabSettings } = inner();
      this.#core = new SlabCore({ ...slabSettings(options), isDefault: true });
    }
    return this.#core;
  }

  #guard() {
    const { settings } = this.#core;
    settings.guard = install(settings.guard);
    observing.observer?.opened(this, this.#core, 'slab');
  }

  // Hot: together with its free, `recycle` takes 6 ns and `checked` 25, of which 15 create the
  // view. `>>>` rejects in one compare what is not an integer, negative, or 4 GiB and more.
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
    const core = this.#core;
    core.free(core, buffer);
  }

  use(size, fn) {
    check.func(fn, 'fn');
    const core = this.#awake();
    let buffer = null;
    const open = () => {
      buffer = this.alloc(size);
      return buffer;
    };
    const leave = (result) => {
      if (buffer === null) return false;
      const escapes = overlaps(result, buffer, size);
      if (core.isHeld(core, buffer)) core.free(core, buffer);
      buffer = null;
      return escapes;
    };
    return runScope(fn, open, leave, core, ESCAPED);
  }

  owns(buffer) {
    const core = this.#awake();
    return core.isHeld(core, buffer);
  }

  get sizes() {
    this.#sizes ??= Object.freeze(this.#awake().settings.pools.map(({ size }) => size));
    return this.#sizes;
  }

  get footprint() {
    const { leased, isLive } = this.#awake();
    return isLive && leased !== null ? leased.footprint() : 0;
  }

  get name() {
    return this.#awake().settings.name;
  }

  get fd() {
    const { leased, isLive, settings } = this.#awake();
    return isLive && settings.between && settings.name === '' ? leased.descriptor() : null;
  }

  participants() {
    return inner().participants(this.#awake());
  }

  recover() {
    return inner().recover(this.#awake());
  }

  bind(numaNode) {
    node(numaNode, 'node');
    this.#awake().place('bind', { numaNode }, numaNode);
  }

  lock() {
    this.#awake().place('lock', { lock: true });
  }

  handle() {
    return this.#awake().handle();
  }

  send(buffer) {
    const core = this.#awake();
    return core.send(core, buffer);
  }

  receive(token) {
    return this.#awake().receive('receive', token);
  }

  revoke(token) {
    return this.#awake().receive('revoke', token);
  }

  close(options) {
    const { force = false } = check.options(options, { force: check.boolean });
    this.#close(force);
  }

  [Symbol.dispose]() {
    this.#close(true);
  }

  #close(force) {
    if (this.#awake().settings.isDefault) {
      throw new RallocError(
        'ERR_RALLOC_UNSUPPORTED',
        'The default slab cannot be closed. To close one, create a slab of your own',
      );
    }
    this.#core.close(force);
  }

  stats() {
    return inner().slabStats(this.#awake());
  }

  [inspect.custom]() {
    if (!(#core in this)) return 'Slab {}'; // a Proxy of a Slab, or an object that inherits from one
    return inner().describeSlab(this.#awake());
  }

  static {
    coreOf = (slab) => slab.#awake();
    lazySlab = (options) => {
      const asleep = asleepCore(options, () => slab.#awake());
      const slab = new Slab(undefined, kInternal, asleep);
      return slab;
    };
  }
}

showAllocator('slab', Slab.prototype);

const POOLS = 15; // 64 B to 1 MiB

/**
 * The default slab needs no set-up. It takes no memory before its first allocation, gives idle
 * memory back, and is never closed. It wraps none of Node's functions, since nobody has asked for
 * that. If a request arena or ralloc/guard has wrapped them, operations hold its Buffers too.
 */
const slab = lazySlab({
  name: 'default',
  sizes: Array.from({ length: POOLS }, (_, i) => 64 * 2 ** i),
  maxCount: 2 ** 30, // as many as maxBytes allows
  guard: true,
});

module.exports = { Slab, coreOf, slab };
