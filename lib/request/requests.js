'use strict';

// The requests of one middleware: each gets an arena that is dead for ever after it; the chunks are
// pooled here for all of them.

const { AsyncLocalStorage } = require('node:async_hooks');
const { channel } = require('node:diagnostics_channel');
const { describe, ownerOf } = require('../arena/arena.js');
const { ForeignContext, current, leave, watch } = require('../arena/current.js');
const { attempt } = require('../base/attempt.js');
const { isDisabled } = require('../base/environment.js');
const { RallocError } = require('../base/errors.js');
const { lazy, loadEarly } = require('../base/lazy.js');
const { instances } = require('../base/instances.js');
const { observing } = require('../base/observer.js');
const { kTrial } = require('../base/protocol.js');
const time = require('../base/time.js');
const check = require('../base/validate.js');
const { warnOnce } = require('../base/warnings.js');
const { installFirst, installLoaded, installRest } = require('../node/guard/install.js');
const { Budget } = require('../memory/budget.js');
const { ChunkSize } = require('./chunk-size.js');
const { HeapShare } = require('./heap-share.js');
const { requestSettings } = require('./options.js');
const { GUARDED, Request } = require('./request.js');
const { watchResponse } = require('./response.js');

/**
 * Loaded together with what an error message needs, because no file may be readable when a lease is
 * refused.
 */
const pools = lazy(() => ({
  ...require('../arena/stats.js'),
  ...require('../memory/chunk-pool.js'),
}));

const resting = lazy(() => require('../memory/malloc-trim.js'));
const tuning = lazy(() => require('./tune.js'));

// Asking for subscribers costs nothing. Publishing is a separate function, to keep enter() short
// enough for inlining.
const starts = channel('ralloc:request:start');
const ends = channel('ralloc:request:end');
const quarantines = channel('ralloc:request:quarantine');

const SHORTEST_TICK_MS = 10;
const LONGEST_TICK_MS = 1000;
const MOST_WARNINGS = 10; // for long requests
// Of requests that fit into one chunk, one in so many teaches its size, for the others too, because
// that takes 70 of the 160 instructions here at a request's end. A prime number, because requests
// of several kinds may come by turns.
const EACH = 5;

const closeReaders = { timeoutMs: (value, name) => check.milliseconds(value, name, 0) };

class RequestArenas {
  chunkSizes = new ChunkSize();
  hasContext;
  perRequest; // how errors name the budgets of requests
  heap;
  #pool = null;
  #counts = { requests: 0, finished: 0, aborted: 0, heapRequests: 0 };
  ticks = 0; // while requests were in flight, because reading the clock costs a request 40 ns
  #longRequests = 0;
  #longTicks; // a request is long after so many whole ticks with memory
  #tickMs;
  #ticker = null;
  #isOff = isDisabled();
  #isGuarded; // whether everything that should be guarded is
  #isTicking = false; // whether the ticker runs, or will start at the next tick
  #Tenant; // the class of requests with a budget each, or null. A field, because reading it from the settings costs a request 50 instructions
  #begun = 0; // requests that have used their arena
  #leasing = 0; // requests in flight with mayLease
  #untilLearned = EACH; // requests that fit into a chunk
  #storage = null;
  #closing = null; // the promise of close()
  #closed = null; // resolves it

  constructor(options) {
    loadEarly();
    this.settings = requestSettings(options);
    this.settings.guard = installFirst(this.settings.guard);
    this.#isGuarded = !this.settings.guard;
    if (this.settings.tune) tuning().watch();
    const { Tenant, warnAfterMs } = this.settings;
    this.#Tenant = Tenant;
    this.perRequest = this.#about('maxBytesPerRequest', 413);
    this.heap = new HeapShare(this.#budget('maxHeapBytes'), this.#budget('maxBytes'));
    const longMs = warnAfterMs === 0 ? Number.POSITIVE_INFINITY : warnAfterMs;
    this.#tickMs = Math.min(Math.max(longMs, SHORTEST_TICK_MS), LONGEST_TICK_MS);
    this.#longTicks = Math.ceil(longMs / this.#tickMs);
    instances.mounts.add(this);
    const isTried = globalThis[kTrial]?.mount(current, this.settings.maxBytesPerRequest) === true;
    this.hasContext = this.settings.context || isTried;
    if (!this.hasContext) return;
    this.#storage = new AsyncLocalStorage();
    watch(this.#storage);
  }

  #about(option, status) {
    return { option, of: 'request arenas', name: this.settings.name, status };
  }

  /** Creates a budget for all requests together. */
  #budget(option) {
    return new Budget(this.#about(option, 503), this.settings[option]);
  }

  /**
   * Created for the first memory, or for the first figures, because loading its modules takes as
   * long as loading the rest.
   */
  get pool() {
    this.#pool ??= this.#open();
    return this.#pool;
  }

  #open() {
    const { ChunkPool } = pools();
    const { maxBytes, safety, wipe, guard, holdMs, budget } = this.settings;
    return new ChunkPool({
      about: this.#about('maxBytes'), // refused() gives it a status
      maxBytes,
      chunkSize: 64 * 1024, // only for chunks that scopes cut from; ChunkSize decides the others
      safety,
      wipe,
      mayWipe: true, // because a route may ask for it
      guard,
      holdMs,
      budget,
      sizes: this.chunkSizes,
    });
  }

  /** Call it before the pool's lists or counts are used. */
  check() {
    this.#pool?.check();
  }

  get isClosing() {
    return this.#closing !== null;
  }

  /** Bytes of all spans, here and in requests. */
  get leasedBytes() {
    return this.#pool?.leasedBytes ?? 0;
  }

  /** Requests that have used their arena and are not over. */
  get inFlight() {
    return this.#begun - this.#counts.finished - this.#counts.aborted;
  }

  /** Returns the arena of a request. It begins with its first use, and ends with the response. */
  enter(req, res) {
    const late = this.#isGuarded ? GUARDED : installLoaded(); // NaN: memory comes from the heap
    if (!this.#isTicking) this.#tick();
    const Tenant = this.#Tenant;
    const request =
      Tenant === null ? new Request(this, req, res, late) : new Tenant(this, req, res, late);
    this.#counts.requests++;
    if (starts.hasSubscribers || ends.hasSubscribers) request.begin();
    return request.arena;
  }

  /** Called at the first use of a request's arena. */
  begin(request) {
    const pool = this.#pool;
    const mayBeOver = pool?.mayHaveQuarantined === true;
    const usesHeap =
      this.#isOff || this.#closing !== null || (mayBeOver && this.#overQuarantine(pool));
    const counts = this.#counts;
    const isCounted = usesHeap && !this.#refuses;
    if (!this.#isTicking) this.#tick();
    const response = watchResponse(request.req, request.res, request);
    // Any call can be interrupted. So here and in ended() all counts change between two calls.
    request.isBegun = true;
    request.response = response;
    request.isOnHeap = usesHeap;
    request.mayLease = !usesHeap;
    if (request.context !== null) request.context.begun = request.arena;
    this.#begun++;
    if (isCounted) counts.heapRequests++;
    if (!usesHeap) this.#leasing++;
    if (request.wasSent !== null) request.end(request.wasSent, true);
    if (starts.hasSubscribers) this.#tellStart(request);
  }

  #tellStart({ arena, req, res }) {
    starts.publish({ name: this.settings.name, arena, req, res });
  }

  run(arena, next) {
    if (this.#storage === null) return next();
    // From Node 24 on run() copies all contexts, before next() and after it: 2,000 instructions. An
    // AsyncResource in its place would keep them, and take as many.
    return this.#storage.run(ownerOf(arena)?.enter() ?? new ForeignContext(arena), next);
  }

  /**
   * Returns the arena of the request that the caller works for; undefined outside of a request and
   * after its response.
   */
  current() {
    if (this.#storage === null) {
      throw new RallocError(
        'ERR_RALLOC_UNSUPPORTED',
        'current() needs an AsyncLocalStorage: make the middleware by requestArena({ context: true })',
      );
    }
    return this.#storage.getStore()?.arena;
  }

  /**
   * Warns once if a request has the arena of another middleware, so that this one's options are
   * ignored.
   */
  checkMount(arena) {
    const { ignored } = this.settings;
    if (ignored.length > 0 && ownerOf(arena)?.arenas !== this)
      warnOnce('RALLOC_OPTIONS_IGNORED', ignored, this);
  }

  ended(request, allocated, finished) {
    const counts = this.#counts;
    request.isOver = true;
    if (request.context !== null) {
      request.context.begun = undefined;
      request.context.isOver = true;
    }
    if (finished) counts.finished++;
    else counts.aborted++;
    if (request.mayLease) this.#leasing--;
    this.#learn(allocated);
    if (request.mayLease && this.#closing !== null && this.#leasing === 0) this.#finishClose();
    if (ends.hasSubscribers) this.#tellEnd(request, allocated, finished);
  }

  #learn(allocated) {
    const sizes = this.chunkSizes;
    if (allocated > sizes.bytes) {
      sizes.record(allocated, this.inFlight + 1);
    } else if (allocated > 0 && --this.#untilLearned === 0) {
      this.#untilLearned = EACH;
      sizes.record(allocated, this.inFlight + 1, EACH);
    }
  }

  #tellEnd({ arena }, bytes, finished) {
    ends.publish({ name: this.settings.name, arena, bytes, finished });
  }

  /**
   * Guards the rest before the first memory. Returns the number of late parts: requests that had
   * begun before must use the heap.
   */
  guardRest() {
    const late = installRest();
    this.#isGuarded = true;
    return late;
  }

  /**
   * Whether too much memory is in quarantine. If so, requests a garbage collection, which frees it.
   */
  #overQuarantine(pool) {
    const { quarantined } = pool;
    const { name, maxQuarantineBytes: limit } = this.settings;
    if (quarantined === 0) pool.mayHaveQuarantined = false;
    if (quarantined <= limit) return false;
    if (quarantines.hasSubscribers) quarantines.publish({ name, quarantined, limit });
    warnOnce('RALLOC_QUARANTINE_HIGH', quarantined);
    pool.collect();
    return true;
  }

  countFallback(why) {
    this.#counts.heapRequests++;
    warnOnce('RALLOC_HEAP_FALLBACK', why);
  }

  /**
   * Whether requests get no heap Buffers. After close() they always do, because they have no other
   * memory.
   */
  get #refuses() {
    return this.settings.onOverflow === 'error' && this.#closing === null && !this.#isOff;
  }

  /**
   * The heap budget of a request in flight that may not lease. For an unguarded request it is as
   * large as the arenas' budget. Throws if requests get no heap Buffers.
   */
  heapFor(size, isUnguarded) {
    if (isUnguarded || this.#isOff) return this.heap.unguarded; // plain Node has no limit: that of the arenas stays
    if (!this.#refuses) return this.heap.budget;
    const remedy = 'let the event loop turn, for a garbage collection';
    const usage = { parts: ['waiting for a garbage collection'], remedy };
    const quarantine = this.#budget('maxQuarantineBytes');
    quarantine.force(this.pool.quarantined); // as the backend counts it
    throw this.heap.refuse(quarantine.refusal(size, usage));
  }

  /** Warns, once for each middleware, of a handler that allocates after its response. */
  warnLate({ response, settings }) {
    const late = response.describeAnswer();
    const isDead = late.isDead && settings.safety !== 'gc' && !this.#isOff;
    warnOnce('RALLOC_USED_LATE', { ...late, isDead }, this);
  }

  // Starts a timer that runs while requests are in flight.
  #tick() {
    if (this.settings.tune) tuning().set();
    time.outside(() => this.#startTicker());
    this.#isTicking = true;
  }

  #startTicker() {
    this.#ticker = time.setInterval(() => {
      this.#findLong();
      if (this.inFlight > 0) return;
      time.clearInterval(this.#ticker);
      this.#isTicking = false;
      // If the file cannot be read, the end of the next load tries again.
      if (this.settings.trim) attempt(() => resting().watch());
    }, this.#tickMs);
    this.#ticker.unref?.();
  }

  /** Finds the requests that have become long and still keep everything they allocated. */
  #findLong() {
    this.ticks++;
    const since = this.ticks - this.#longTicks - 1; // one more, because it may have come at the end of its tick
    const requests = new Set([...(this.#pool?.homes() ?? [])].map(({ owner }) => owner));
    for (const request of requests)
      if (request.since === since && request.keepsAll) this.#warnLong(request);
  }

  /** Warns once for each request, and of a limited number of them. */
  #warnLong(request) {
    if (++this.#longRequests > MOST_WARNINGS || observing.observer?.stuckRequest(request)) return;
    const { allocated, adopted } = describe(request.arena);
    const bytes = allocated + adopted;
    const seconds = this.settings.warnAfterMs / 1000;
    warnOnce('RALLOC_LEASED_LONG', { request: request.describe(), bytes, seconds }, request);
  }

  stats() {
    this.check();
    const { requests, ...rest } = this.#counts;
    return {
      requests,
      inFlight: this.inFlight,
      ...rest,
      ...this.heap.counts(),
      longRequests: this.#longRequests,
      chunkSize: this.chunkSizes.bytes,
      expired: { ...this.pool.waiting.expired },
      interrupted: this.pool.interrupted,
      guarded: this.pool.guarded.stats(),
      heap: this.heap.stats(),
      trims: resting().stats(),
      tuned: this.settings.tune ? tuning().tuned() : 'off',
      memory: this.pool.stats(),
    };
  }

  /**
   * From now on new requests get heap Buffers. Resolves when the last earlier request is over or
   * the deadline has passed, with the number of earlier requests that are not over. Rejects for
   * wrong options.
   */
  close(options) {
    try {
      const { timeoutMs } = check.options(options, closeReaders);
      return this.#close(timeoutMs);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #close(timeoutMs) {
    if (this.#closing === null) {
      this.#closing = new Promise((resolve) => {
        this.#closed = resolve;
      });
      if (this.#leasing === 0) this.#finishClose();
    }
    return timeoutMs === undefined ? this.#closing : this.#closedWithin(timeoutMs);
  }

  async #closedWithin(timeoutMs) {
    let timer;
    const deadline = new Promise((resolve) => {
      timer = time.setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.#closing, deadline]);
    time.clearTimeout(timer);
    return this.#leasing;
  }

  #finishClose() {
    time.clearInterval(this.#ticker);
    leave(this.#storage);
    this.pool.close();
    this.#closed(0);
  }
}

module.exports = { RequestArenas };
