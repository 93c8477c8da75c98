'use strict';

// What stands behind a Slab: its pools over the memory below, what they do when they are dry or idle, and the
// end. The hot path is in buffer.js; slab.js is the face.

const check = require('../base/validate.js');
const { slabs } = require('../memory/native.js');
const { RallocError, closedError, exhaustedError, refusal } = require('../base/errors.js');
const { attachSettings, whyNotShared, checkBytes, handleParts } = require('./options.js');
const { CheckedPool, RecyclePool, hold, empty } = require('./buffer.js');
const { watched, watch } = require('./watch.js');
const idle = require('../memory/idle.js');

const CLASSES = 33; // by 32 - clz32(size - 1); the last one is that of 0, and of more than 2^31
const SHARED_TICK_MS = 50; // so that what is idle for a tick is back within 100 ms
const registers = new Float64Array(32 * 8);

class SlabCore {
  settings;
  leased = null; // null: not open
  pools = [];
  outside; // stands where there is no pool: for the size 0, for too large ones, and while it is not open
  classes; // Pool by class of size
  isLive = true;
  refused = 0; // frees of Buffers of no pool of this slab
  #why; // it cannot be shared
  #backend;
  #exposed = false; // other threads may have it
  watched = false; // by idle.js
  #ticking = false;
  #quietTicks = 0;

  constructor(settings) {
    this.settings = settings;
    this.outside = new CheckedPool(this, -1, 0, 0);
    this.outside.room = 0;
    this.classes = new Array(CLASSES).fill(this.outside);
  }

  static attach(handle, options) {
    const settings = attachSettings(options);
    const { id, nonce } = handleParts(handle);
    const core = new SlabCore(settings);
    core.#lease(true, (leased) => leased.attach(id, nonce), 0);
    core.leased.stats(registers.fill(0));
    settings.pools = [];
    for (let i = 0; registers[i] > 0; i += 8) {
      const [size, count] = registers.subarray(i, i + 2);
      settings.pools.push({ size, count, minCount: count, maxCount: count });
    }
    Object.assign(settings, { grows: false, maxBytes: core.leased.footprint() });
    core.#makePools();
    core.#expose();
    return core;
  }

  /** Takes the memory; changes nothing where it cannot be had. */
  open() {
    if (this.leased !== null) return;
    const { settings } = this;
    const { pools, maxBytes, memory } = settings;
    const numbers = pools.flatMap((p) => [p.size, p.count, p.maxCount, p.minCount]);
    this.#why = whyNotShared(settings);
    const bytes = pools.reduce((sum, pool) => sum + pool.size * pool.count, 0);
    const native = this.#why === undefined || memory !== undefined;
    const take = (leased) => {
      let failure = null;
      if (this.#why === undefined) {
        failure = leased.open(numbers, maxBytes, true, memory);
        // Where memory cannot be shared, or not of this kind, it may be had without that.
        if (failure?.kind !== 'unsupported') return failure;
        this.#why = failure.why;
      }
      return leased.open(numbers, maxBytes, false, memory);
    };
    this.#lease(native, take, bytes);
    this.#makePools();
  }

  /** `take` tries to have the memory: null, or why not. */
  #lease(native, take, bytes) {
    const { LeasedSlab, backend } = slabs(native);
    const leased = new LeasedSlab();
    const failure = coded(() => take(leased));
    if (failure?.kind === 'limit') checkBytes(failure.used, failure.limit);
    if (failure !== null) throw refusal(failure, 'maxBytes', bytes);
    this.leased = leased;
    this.#backend = backend;
  }

  #makePools() {
    const { settings } = this;
    const Kind = settings.safety === 'recycle' ? RecyclePool : CheckedPool;
    const Pool = settings.warnAfterMs > 0 ? watched(Kind) : Kind;
    this.pools = settings.pools.map(
      ({ size, maxCount }, index) => new Pool(this, index, size, maxCount),
    );
    this.classes = this.classes.map(
      (outside, log) => this.pools.find(({ size }) => size >= 2 ** log) ?? outside,
    );
    this.classes[CLASSES - 1] = this.outside;
    if (settings.warnAfterMs > 0) watch(this);
  }

  get backend() {
    this.#backend ??= slabs(false).backend;
    return this.#backend;
  }

  get largest() {
    return this.settings.pools.at(-1).size;
  }

  checkLive() {
    if (!this.isLive) throw closedError('The slab');
  }

  /** Throws what is wrong with a size that no pool can have. */
  checkSize(size) {
    check.integer(size, 'size', 0, this.largest);
  }

  /** A Buffer where the pool of its class has no cached slot. */
  take(size) {
    const first = this.#poolFor(size);
    if (size === 0) return empty(first);
    for (let at = first.index; at < this.pools.length; at++) {
      const pool = this.pools[at];
      if (!pool.ready()) continue;
      if (pool !== first) first.promotions++;
      return pool.take(size);
    }
    first.exhaustions++;
    throw this.#exhausted(first, size);
  }

  /** The same from no other pool; null if there is none. */
  tryTake(size) {
    const pool = this.#poolFor(size);
    if (size === 0) return empty(pool);
    if (pool.ready()) return pool.take(size);
    pool.exhaustions++;
    return null;
  }

  #poolFor(size) {
    this.checkSize(size);
    this.checkLive();
    if (size > 0) this.open();
    return this.classes[32 - Math.clz32(size - 1)];
  }

  #exhausted(first, requested) {
    const { settings, pools } = this;
    if (!settings.grows) {
      const bytes = pools.slice(first.index).reduce((sum, p) => sum + p.size * p.count, 0);
      return exhaustedError('count', requested, bytes, bytes);
    }
    const used = this.leased.committed();
    const full = used + first.segmentBytes > settings.maxBytes;
    return exhaustedError(full ? 'maxBytes' : 'maxCount', requested, settings.maxBytes, used);
  }

  /** Calls a method of the memory below; its errors become ours. */
  call(method, ...args) {
    return coded(() => this.leased[method](...args));
  }

  hasSegment(ab) {
    return this.pools.some((pool) => pool.segments.includes(ab));
  }

  get whyNotShared() {
    return this.#why;
  }

  get isShared() {
    return this.#exposed;
  }

  handle() {
    this.checkLive();
    this.open();
    const handle = this.leased.handle();
    if (handle === null) {
      throw new RallocError('ERR_RALLOC_UNSUPPORTED', `The slab has no handle: ${this.#why}`);
    }
    this.#expose();
    return { id: handle.id, nonce: handle.nonce };
  }

  /** From now on other threads may want slots: no more are cached than is this thread's share. */
  #expose() {
    if (this.#exposed) return;
    this.#exposed = true;
    for (const pool of this.pools) pool.bound();
    this.arm();
  }

  /** Takes over a slot that was sent; `how` is 'receive', or 'revoke' for one of this thread's own. */
  receive(how, token) {
    check.integer(token, 'token', 0, Number.MAX_SAFE_INTEGER);
    this.checkLive();
    this.open();
    this.call(how, token, registers);
    const [index, slot, length] = registers;
    const pool = this.pools[index];
    if (pool.acquire(slot)) return hold(pool, slot, length);
    throw new RallocError(
      'ERR_RALLOC_CLOSED',
      "The Buffer's memory was transferred away from this thread",
    );
  }

  /** Gives what is idle back from now on, while there is something. */
  arm() {
    const { grows, idleMs } = this.settings;
    this.#quietTicks = 0;
    if (this.#ticking || !(this.#exposed || grows)) return;
    this.#ticking = true;
    idle.watch(this, this.#exposed ? SHARED_TICK_MS : Math.min(Math.ceil(idleMs / 2), 1000));
  }

  /** Called by the timer: whether it is to go on. */
  tick() {
    const { grows, idleMs } = this.settings;
    if (this.isLive) {
      for (const pool of this.pools) pool.idle();
      const bytes = grows ? this.leased.trim(idleMs, (i, at) => this.pools[i].drop(at)) : 0;
      const busy = bytes > 0 || this.pools.some(({ claimed, stolen }) => claimed > stolen);
      this.#quietTicks = busy ? 0 : this.#quietTicks + 1;
    }
    // At three ticks a segment's idle time has begun, and at half of it there is one tick at least.
    this.#ticking = this.isLive && this.#quietTicks < (grows ? 6 + idleMs / 1000 : 2);
    return this.#ticking;
  }

  /** Buffers that nobody has freed. */
  get held() {
    return this.pools.reduce((sum, pool) => sum + pool.held, 0);
  }

  close(force) {
    if (!this.isLive) return;
    const { held } = this;
    if (held > 0 && !force) {
      throw new RallocError(
        'ERR_RALLOC_IN_USE',
        `${held} Buffers of the slab are in use. Free them first, or close({ force: true })`,
        { inUse: held },
      );
    }
    this.isLive = false;
    for (const pool of this.pools) pool.close();
    this.leased?.close();
  }
}

/** What `call` gives; an error with a code of ours as a RallocError. */
function coded(call) {
  try {
    return call();
  } catch (error) {
    if (!String(error?.code).startsWith('ERR_RALLOC_')) throw error;
    throw new RallocError(error.code, error.message);
  }
}

module.exports = { SlabCore };
