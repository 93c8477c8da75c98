'use strict';

// The state behind a Region: its records, its chunks, and everything that is not hot: growth, large
// blocks, idle memory, and the end. The hot path is in buffer.js, the API in region.js.

const { constants } = require('node:buffer');
const check = require('../base/validate.js');
const { isDisabled } = require('../base/environment.js');
const { fromHeap } = require('../base/views.js');
const { instances } = require('../base/instances.js');
const { observing } = require('../base/observer.js');
const { finishClaims } = require('../memory/claims.js');
const { FreedCore } = require('../memory/freed-core.js');
const idle = require('../memory/idle.js');
const { warnOfFallback } = require('../memory/native.js');
const { AutoFree, tokenFor } = require('./auto-free.js');
const { RegionBuffer, cut, emptyBuffer, isHeld, release, take, watch } = require('./buffer.js');
const { Chunks } = require('./chunks.js');
const { Collector } = require('./collector.js');
const { CHUNK, GRANULE, GRANULE_LOG, HELD, MARK, OWN, SIZE, START } = require('./record.js');
const { mayFit } = require('./options.js');
const { Spans } = require('./spans.js');
const { refusedError, regionFigures, regionStats } = require('./stats.js');

const LOOKS = 64; // spans of about the requested size to try before the region grows

warnOfFallback();

/** Its block is counted as ever, and its bytes are of the heap: see isDisabled(). */
const onHeap = (buffer, zero) => watch(buffer, fromHeap(buffer.length, zero, true).buffer, 0);

class RegionCore extends FreedCore {
  core = this; // as a pool of a slab has its core
  spans = new Spans();
  chunks;
  isSlow = false; // whether every free must check more than its Buffer's state
  most = 0; // the hot path serves smaller sizes
  operations = 0; // operations of Node under way on blocks
  auto = null; // the AutoFree of the option `autoFree`
  failed = 0; // allocations that got no memory
  collector = new Collector(this);

  constructor(settings) {
    super('region', settings);
    this.chunks = new Chunks(this);
    if (settings.autoFree) this.auto = new AutoFree((token) => this.#drop(token));
    else if (!isDisabled()) this.most = settings.large - 1;
    this.isSlow = settings.autoFree;
    instances.regions.add(this);
  }

  figures() {
    return regionFigures(this);
  }

  /** Returns a Buffer, or throws. */
  allocSlow(size, zero) {
    const made = this.#make(size, zero);
    if (made.kind !== undefined) throw refusedError(this, made, size);
    return made;
  }

  /** Like allocSlow(), but returns null at a limit. */
  tryAllocSlow(size, zero) {
    const made = this.#make(size, zero);
    if (made.kind === 'limit') return null;
    if (made.kind !== undefined) throw refusedError(this, made, size);
    return made;
  }

  /** Returns a Buffer, or a failure. */
  #make(size, zero) {
    check.integer(size, 'size', 0, constants.MAX_LENGTH);
    this.checkLive();
    this.settle();
    if (size === 0) return emptyBuffer(this);
    if (!mayFit(this, size)) {
      this.failed++;
      const { used, limit } = this.chunks.budget;
      return { kind: 'limit', used, limit };
    }
    const got = size < this.settings.large ? this.#cut(size, zero) : this.#own(size, zero);
    if (got.kind === undefined) return isDisabled() && this.auto === null ? onHeap(got, zero) : got;
    this.failed++;
    this.auto?.collect();
    return got;
  }

  #cut(size, zero) {
    const { spans, chunks } = this;
    const granules = (size + GRANULE - 1) >>> GRANULE_LOG;
    for (;;) {
      const failure = chunks.ensureRecords();
      if (failure !== null) return failure;
      let id = spans.find(granules);
      if (id < 0) id = spans.search(granules, LOOKS);
      if (id >= 0) {
        if (chunks.checkLost(this.#chunkOf(id))) continue;
        if (this.auto === null) return cut(this, id, granules, size, zero);
        return this.#cutAuto(id, granules, size, zero);
      }
      const refused = chunks.grow(granules);
      if (refused !== null) return refused;
      idle.watch(this);
    }
  }

  #cutAuto(id, granules, size, zero) {
    const { spans } = this;
    const { table } = spans;
    const left = table[id + SIZE] - granules;
    const token = tokenFor(left > 0 ? spans.unused : id);
    const start = (table[id + START] + left) << GRANULE_LOG;
    const buffer = this.#makeAuto(this.#chunkOf(id).ab, start, size, token);
    if (zero) buffer.fill(0);
    spans.take(id, granules);
    token.isHeld = true;
    return buffer;
  }

  #makeAuto(ab, start, size, token) {
    if (!isDisabled()) return this.auto.make(ab, start, size, this, token);
    return this.auto.make(new ArrayBuffer(size), 0, size, this, token);
  }

  /** Allocates a block with its own chunk, whose ArrayBuffer free() can detach. */
  #own(size, zero) {
    const { chunks, spans } = this;
    const failure = chunks.ensureRecords();
    if (failure !== null) return failure;
    const chunk = chunks.lease(size);
    if (chunk.kind !== undefined) return chunk;
    const id = spans.unused;
    const token = tokenFor(id);
    const buffer =
      this.auto === null
        ? new RegionBuffer(chunk.ab, 0, size, this, id)
        : this.#makeAuto(chunk.ab, 0, size, token);
    if (zero && chunk.span.cleanFrom > 0) buffer.fill(0);
    idle.watch(this);
    chunks.add(chunk, HELD | OWN);
    token.isHeld = true;
    return buffer;
  }

  /**
   * Ends a block. Makes no call after the last change; the caller then calls chunks.finishEnd().
   */
  give(id) {
    const { table } = this.spans;
    if ((table[id + MARK] & OWN) === 0) this.spans.give(id);
    else this.chunks.endOwn(this.chunks.all[table[id + CHUNK]]);
  }

  #chunkOf(id) {
    return this.chunks.all[this.spans.table[id + CHUNK]];
  }

  /** Whether a block's memory was transferred away. */
  isLost(id) {
    return this.chunks.checkLost(this.#chunkOf(id));
  }

  /**
   * If operations of Node use a freed block, makes it wait and returns true. `buffer`: undefined if
   * it was collected.
   */
  wait(id, buffer) {
    const { guard } = this.#chunkOf(id);
    if (guard === null || guard.operations === 0) return false;
    const { table } = this.spans;
    const start = table[id + START] * GRANULE;
    return guard.wait({ start, stop: start + table[id + SIZE] * GRANULE, id, buffer });
  }

  isOver(ab) {
    return this.chunks.all.some((chunk) => chunk?.ab === ab);
  }

  /** Frees the block of a collected Buffer. */
  #drop(token) {
    if (!this.isLive) return;
    this.settle();
    const { id } = token;
    if (this.isLost(id)) return;
    if (this.wait(id, undefined)) this.spans.wait(id);
    else this.give(id);
    token.isHeld = false;
    this.chunks.finishEnd();
  }

  /**
   * Finishes an interrupted call: any call can overflow the stack, and vm's timeout can stop
   * JavaScript anywhere.
   */
  settle() {
    this.settleSpans();
    if (this.over !== null) finishClaims(this);
  }

  settleSpans() {
    const { chunks, spans } = this;
    if (chunks.isBusy) chunks.settle();
    if (spans.isBusy) spans.rebuild(chunks.all.map((chunk) => chunk?.first ?? -1));
  }

  get chunkCount() {
    return this.chunks.all.filter((chunk) => chunk !== null && !chunk.isLost).length;
  }

  /** Called by the idle timer; returns whether it goes on. */
  tick() {
    if (!this.isLive) return this.chunks.measure(false);
    this.settle();
    if (this.settings.collectWhenIdle) this.collector.tick();
    const isShared = this.chunks.measure(true);
    return isShared || this.chunkCount > 0;
  }

  /** Under pressure, gives back wholly free chunks. Single pages are given back in idle times. */
  giveBack() {
    if (!this.isLive) return;
    this.settle();
    this.chunks.giveBack();
    this.chunks.dropRecords();
  }

  /** Bytes of its pages that something has touched. */
  get touchedBytes() {
    return regionStats(this).committed;
  }

  /** The number of Buffers that are not freed. */
  get held() {
    return this.spans.held - this.spans.waiting;
  }

  check() {
    this.chunks.checkAll();
  }

  drop() {
    observing.observer?.closed(this);
    this.isSlow = true;
    this.spans = new Spans();
  }

  /** Gives the memory back, after everything is closed and no operation of Node uses it. */
  leave() {
    if (this.isClosed || !this.chunks.endAll()) return;
    this.chunks.close();
    this.isClosed = true;
    instances.regions.closed(this);
    if (this.chunks.measure(false)) idle.watch(this);
  }
}

/**
 * The hot functions for region.js, called as core.take(core, size, zero): take() returns a Buffer,
 * or null if the fast path has none. Calling them through methods of the core would cost Node 20 up
 * to 60 of 1000 instructions.
 */
Object.assign(RegionCore.prototype, { take, free: release, isHeld });

module.exports = { RegionCore };
