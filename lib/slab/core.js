'use strict';

// The state behind a Slab: its memory, its pools, and everything that is not hot: promotion to a
// larger pool, sharing with other threads, idle memory, and the end. The hot path is in buffer.js,
// the API in slab.js.

const { channel } = require('node:diagnostics_channel');
const check = require('../base/validate.js');
const { slabs } = require('../memory/native.js');
const { isDisabled } = require('../base/environment.js');
const { RallocError, refusal } = require('../base/errors.js');
const { instances } = require('../base/instances.js');
const buffers = require('./buffer.js');
const { SegmentClaims } = require('./claims.js');
const { limitOf } = require('./options.js');
const { exhausted } = require('./pool.js');
const { lease, openMemory, translateErrors } = require('./lease.js');
const { tellRecovered } = require('./shared.js');
const { fixedPool, readPools, slabFigures } = require('./stats.js');
const { finishScopes } = require('../base/scope.js');
const { timed, warnOfStuck } = require('./stuck.js');
const { finishClaims } = require('../memory/claims.js');
const { FreedCore } = require('../memory/freed-core.js');
const idle = require('../memory/idle.js');

const exhaustions = channel('ralloc:slab:exhausted');
const SIZE_CLASSES = 33; // 32 - clz32(size - 1); the last one is for size 0, and for more than 2^31
const TOKEN_SLOTS = 2 ** 22; // a token's low bits: its slot, counted over all pools
const SHARED_TICK_MS = 50; // slots that were idle for a whole tick are released, so within 100 ms

/** Slabs between processes have no twin on the heap. */
function kindOf({ between = false, safety }) {
  if (isDisabled() && !between) return buffers.HeapPool;
  return safety === 'recycle' ? buffers.RecyclePool : buffers.CheckedPool;
}

const wasUsed = ({ claimed, peak }) => claimed > 0 || peak > 0;

function usedError(method, inUse) {
  const is = inUse === 1 ? 'Buffer or cached slot is' : 'Buffers and cached slots are';
  return new RallocError(
    'ERR_RALLOC_IN_USE',
    `${method}() comes too late: the slab was used before, and ${inUse} ${is} in use. Call it before the first allocation`,
    { inUse },
  );
}

class SlabCore extends FreedCore {
  asleep; // undefined: see slab.js
  face; // the Slab, if processes share it
  leased = null; // the LeasedSlab of the binary or the fallback; null before open()
  share = null; // the share of the option `budget`
  pools = [];
  noPool; // a pool that is always empty: for size 0, too large sizes, and before open()
  poolByClass; // the pool of each size class
  unfinished = null; // ends of scopes that a stack overflow prevented: see base/scope.js
  full = { held: Number.POSITIVE_INFINITY, bytes: 0, tries: 0 }; // the state when it was last full: see makeRoom() in pool.js
  #received = Float64Array.of(-1, 0, 0); // pool, slot and length of a received slot that is not a Buffer yet
  #unshareable; // the reason why it cannot be shared
  #backend;
  isShared = false; // other threads may have it
  #quietTicks = 0;

  constructor(settings) {
    super('slab', settings);
    this.noPool = new buffers.CheckedPool(this, -1, 0, 0);
    this.noPool.capacity = 0;
    this.poolByClass = new Array(SIZE_CLASSES).fill(this.noPool);
    if (settings.pools !== undefined) instances.slabs.add(this); // a shared slab has none before it is open
  }

  /** Creates the core of a shared slab. `take` and `refuse`: see lease(). */
  static over(settings, { take, refuse }) {
    const core = new SlabCore(settings);
    const { leased, backend } = lease(true, take, refuse);
    settings.pools = readPools(leased).map(fixedPool);
    Object.assign(settings, { grows: false, maxBytes: leased.footprint() });
    core.#begin(leased, backend);
    core.#share();
    instances.slabs.add(core);
    return core;
  }

  /** Reserves the memory; changes nothing if that fails. */
  open() {
    if (this.leased !== null) return;
    const share = this.settings.budget?.(this) ?? null;
    const opened = openMemory(this.settings, share);
    this.#unshareable = opened.unshareable;
    this.#begin(opened.leased, opened.backend);
    this.share = share;
    this.measure();
  }

  /** Adjusts the share to the bytes of the present slots. */
  measure() {
    this.share?.set(this.leased.committed());
  }

  /** Like claim() of LeasedSlab, but adds slots only within the share, if there is one. */
  claim(index, want, slots) {
    const { leased, share, settings } = this;
    leased.setLimit(Math.min(settings.maxBytes, leased.committed() + share.room));
    const found = leased.claim(index, want, slots, this.dropSegment);
    this.measure();
    return found;
  }

  /** Creates the pools. None is visible before all exist. */
  #begin(leased, backend) {
    const { settings } = this;
    const Kind = kindOf(settings);
    const Pool = settings.warnAfterMs > 0 ? timed(Kind) : Kind;
    const pools = settings.pools.map(
      ({ size, maxCount }, index) =>
        new Pool(this, index, size, maxCount, leased.segmentSlots(index)),
    );
    const poolByClass = this.poolByClass.map(
      (noPool, log) => pools.find(({ size }) => size >= 2 ** log) ?? noPool,
    );
    if (settings.warnAfterMs > 0) warnOfStuck(this);
    this.#backend = backend;
    this.pools = pools;
    this.poolByClass = poolByClass;
    this.leased = leased;
  }

  get backend() {
    this.#backend ??= slabs(false).backend;
    return this.#backend;
  }

  /** Throws for a size that is not an integer, or larger than every slot. */
  checkSize(size) {
    check.integer(size, 'size', 0, this.settings.pools.at(-1).size);
  }

  /**
   * Allocates when the pool of the size class has no cached slot: refills it, or takes a slot of a
   * larger pool (promotion).
   */
  allocSlow(size, zero) {
    const first = this.#poolFor(size);
    if (size === 0) return buffers.emptyBuffer(first);
    for (let i = first.index; i < this.pools.length; i++) {
      const pool = this.pools[i];
      if (!pool.ensureCached()) continue;
      if (pool !== first) first.promotions++;
      return pool.take(size, zero);
    }
    this.#countExhausted(first, size);
    throw exhausted(this, first, size);
  }

  /** Like allocSlow(), but without promotion: returns null if the pool is exhausted. */
  tryAllocSlow(size, zero) {
    const pool = this.#poolFor(size);
    if (size === 0) return buffers.emptyBuffer(pool);
    if (pool.ensureCached()) return pool.take(size, zero);
    this.#countExhausted(pool, size);
    return null;
  }

  #countExhausted(pool, requested) {
    pool.exhaustions++;
    if (!exhaustions.hasSubscribers) return;
    const { size, maxCount } = pool;
    exhaustions.publish({ name: this.settings.name, size, count: maxCount, requested });
  }

  figures() {
    return slabFigures(this);
  }

  #poolFor(size) {
    this.checkSize(size);
    this.checkLive();
    if (size > 0) this.open();
    this.settle();
    return this.poolByClass[32 - Math.clz32(size - 1)];
  }

  /** Calls a method of the LeasedSlab, and translates its errors. */
  call(method, ...args) {
    return translateErrors(() => this.leased[method](...args));
  }

  /**
   * Puts its memory on a NUMA node (`method`: 'bind') or keeps it in RAM ('lock'), before the first
   * use; `asked`: the same request as options `memory`.
   */
  place(method, asked, ...args) {
    this.checkLive();
    this.open();
    this.settle();
    if (this.pools.some(wasUsed)) throw usedError(method, this.held);
    const failure = this.call(method, ...args);
    if (failure === null) {
      this.settings.memory = { ...this.settings.memory, ...asked }; // for later errors
      return;
    }
    if (failure.kind === 'used') throw usedError(method, failure.used);
    const what = `${method}()`;
    throw refusal(failure, limitOf(this.settings), this.leased.footprint(), { asked, what });
  }

  /** The kHolder of a segment's ArrayBuffer; null without the option `guard`. */
  guardOf(pool, index, ab) {
    return this.settings.guard ? new SegmentClaims(pool, index, ab) : null;
  }

  /** Called when the memory drops a segment, which only the fallback does. */
  dropSegment = (index, segment) => this.pools[index].dropSegment(segment);

  isOver(ab) {
    return this.pools.some(({ segments }) => segments.includes(ab));
  }

  handle() {
    this.checkLive();
    this.open();
    const handle = this.leased.handle();
    if (handle === null) {
      const message = `The slab cannot be shared: ${this.#unshareable}`;
      throw new RallocError('ERR_RALLOC_UNSUPPORTED', message);
    }
    this.#share();
    return { id: handle.id, nonce: handle.nonce };
  }

  /** Other threads may want slots from now on. */
  #share() {
    if (this.isShared) return;
    for (const pool of this.pools) pool.share();
    this.isShared = true;
    this.startTimer();
  }

  /**
   * Finishes an interrupted call: any call can overflow the stack, and vm's timeout can stop
   * JavaScript anywhere.
   */
  settle() {
    if (this.unfinished !== null) finishScopes(this);
    if (this.over !== null) finishClaims(this);
    const received = this.#received;
    if (received[0] < 0) return;
    this.pools[received[0]].giveUp(received[1]);
    received[0] = -1;
  }

  /**
   * Throws if this thread cannot see the slot of a token. Called before the token is spent, because
   * other threads may see it.
   */
  #checkVisible(token) {
    let slot = token % TOKEN_SLOTS;
    for (const pool of this.pools) {
      if (slot < pool.maxCount) return pool.checkVisible(slot);
      slot -= pool.maxCount;
    }
  }

  /**
   * Returns a Buffer over a slot that was sent. `method` is 'receive', or 'revoke' for a slot that
   * this thread sent.
   */
  receive(method, token) {
    check.integer(token, 'token', 0, Number.MAX_SAFE_INTEGER);
    this.checkLive();
    this.open();
    this.settle();
    this.#checkVisible(token);
    this.call(method, token, this.#received);
    const [index, slot, length] = this.#received;
    const pool = this.pools[index];
    pool.prepare(slot);
    const buffer = buffers.bufferOver(pool, slot, length);
    pool.claimed++;
    this.#received[0] = -1;
    return buffer;
  }

  /** Releases idle slots from now on, until there are none. */
  startTimer() {
    const { grows, idleMs } = this.settings;
    this.#quietTicks = 0;
    if (!(this.isShared || grows)) return;
    idle.watch(this, this.isShared ? SHARED_TICK_MS : Math.min(Math.ceil(idleMs / 2), 1000));
  }

  /** Called by the timer; returns whether it goes on. */
  tick() {
    const { grows, idleMs } = this.settings;
    this.settle();
    if (this.isLive) {
      tellRecovered(this);
      for (const pool of this.pools) pool.flushIdle();
      const bytes = grows ? this.leased.trim(idleMs, this.dropSegment) : 0;
      this.measure();
      const busy = bytes > 0 || this.pools.some(({ claimed, stolen }) => claimed > stolen);
      this.#quietTicks = busy ? 0 : this.#quietTicks + 1;
    }
    // So many ticks that a segment can be found idle, and then stay idle for `idleMs`.
    return this.isLive && this.#quietTicks < (grows ? 6 + idleMs / 1000 : 2);
  }

  /** Under pressure, gives back what this thread caches, and unused segments. */
  giveBack() {
    if (!this.isLive || this.leased === null) return;
    this.settle();
    for (const pool of this.pools) pool.flush(pool.top);
    if (this.settings.grows) this.leased.trim(0, this.dropSegment);
    this.measure();
  }

  /** Bytes of the slots that this thread has used and that are still there. */
  get touchedBytes() {
    if (!this.isLive || this.leased === null) return 0;
    const slots = ({ index, peak }) => Math.min(peak, this.leased.slotCount(index));
    return this.pools.reduce((sum, pool) => sum + slots(pool) * pool.size, 0);
  }

  /** The number of Buffers that are not freed. */
  get held() {
    return this.pools.reduce((sum, pool) => sum + pool.held, 0);
  }

  drop() {
    if (this.#isInUse) for (const pool of this.pools) pool.flush(pool.top); // for other threads
    tellRecovered(this);
    for (const pool of this.pools) pool.close();
  }

  /**
   * Called when the process exits. Frees all slots, even those that operations of Node use.
   * Listeners of 'exit' find the slab closed.
   */
  closeAtExit() {
    this.leased.abandon();
    this.isLive = false;
    for (const pool of this.pools) pool.close();
    this.isClosed = true;
  }

  get #isInUse() {
    return this.pools.some(({ operations }) => operations > 0);
  }

  /** Gives the memory back, after everything is closed and no operation of Node uses it. */
  leave() {
    if (this.#isInUse || this.pools.some(({ segments }) => segments.length > 0)) return;
    this.leased?.close();
    this.isClosed = true;
    instances.slabs.closed(this);
    this.share?.release();
    this.share = null;
  }
}

/** Called as core.free(core, buffer): methods in between would cost each free a call. */
const { isHeld, release, send } = buffers;
Object.assign(SlabCore.prototype, { free: release, isHeld, send });

module.exports = { SlabCore };
