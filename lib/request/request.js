'use strict';

// One request: the owner of its arena's memory, from the first middleware to the end of its response (response.js). end() frees that memory. If something may
// still read it (an aborted response, a server's error), the memory goes to quarantine instead, until V8 has collected every Buffer over it
// (memory/chunk-pool.js).

const { channel } = require('node:diagnostics_channel');
const { formatBytes } = require('../base/bytes.js');
const { lazy } = require('../base/lazy.js');
const { RallocError } = require('../base/errors.js');
const { warnOnce } = require('../base/warnings.js');
const {
  describe,
  eachWindow,
  makeRequestArena,
  releaseRequestArena,
} = require('../arena/arena.js');
const { Budget } = require('../memory/budget.js');

const GUARDED = -1;
const overflows = channel('ralloc:request:overflow');

const bodies = lazy(() => require('./body.js'));

class Request {
  ofRequest = true;
  #arenas;
  #budget = null; // from its first memory on
  settings; // with those of its route, once that is known
  isOver = false; // and its counts are closed
  next = null; // in the middleware's list of what is unfinished
  #finished = false;
  #usesHeap; // from the beginning, or since a lease was refused
  #late; // of the guard's parts, how many had come late when this began before all was guarded; GUARDED once it has memory
  #isUnguarded = false; // so that its memory is the heap's
  mayLease; // whether it began with leave to lease: close() waits for such
  since = -1; // with `older` and `newer` of LongRequests; -1 without memory
  older = null;
  newer = null;
  response = null; // until it is over, and to describe it
  context = null; // what the AsyncLocalStorage has of it, until it is over
  bodyPromise = null; // of body(), once it was called
  bodyReading = null; // while body() reads
  arena;

  constructor(arenas, usesHeap, late) {
    this.#arenas = arenas;
    this.settings = arenas.settings;
    this.#usesHeap = usesHeap;
    this.#late = late;
    this.mayLease = !usesHeap;
    this.arena = makeRequestArena(this);
  }

  /** The middleware. */
  get arenas() {
    return this.#arenas;
  }

  get pool() {
    return this.#arenas.pool;
  }

  /**
   * Whether allocations come from the heap. Asked before the first one. If a part of the guard came late since this began, its handler may have looked
   * up a method of Node's, which holds nothing, before it makes what it gives that.
   */
  get usesHeap() {
    if (this.#late !== GUARDED) {
      this.#isUnguarded = this.#arenas.guardRest() !== this.#late;
      this.#late = GUARDED;
    }
    return this.#usesHeap || this.#isUnguarded;
  }

  /** Of what windows may hand out and, its parent's too while it is in flight, of Buffers of the heap. */
  get budget() {
    this.#budget ??= new Budget(this.#arenas.perRequest, this.limit);
    return this.#budget;
  }

  get limit() {
    return this.settings.maxBytesPerRequest;
  }

  /** Of its own limit; what has a tenant has less (tenant.js). */
  get room() {
    return this.#left;
  }

  get #left() {
    return this.#budget === null ? this.limit : this.#budget.room;
  }

  /** Its context, which may be entered several times, and after its end. */
  enter() {
    this.context ??= { arena: this.isOver ? undefined : this.arena };
    return this.context;
  }

  nextChunkSize(opened) {
    return this.#arenas.chunkSizes.next(opened);
  }

  /**
   * What a window over `size` bytes may hand out at first, charged: room for `need` and about `want`, whatever
   * size of span was warm. Windows that are full are charged for more of their span, so that no window has
   * more than `ahead` bytes, a sixteenth of the limit, ahead of its use.
   */
  charge(need, want, size) {
    if (this.since < 0) this.#arenas.list(this); // first, since a call throws where the stack ends
    const { ahead } = this.settings;
    const count = Math.min(size, Math.max(need, Math.min(want, ahead, this.room)));
    this.budget.forceChunk(count);
    return count;
  }

  discharge(count) {
    this.#budget.dischargeChunk(count);
  }

  /** Throws where `size` bytes are more than is left, also without what windows are charged ahead of their use. */
  makeRoom(size) {
    this.#makeRoom(size);
    return true;
  }

  #makeRoom(size) {
    if (size <= this.#left) return;
    eachWindow(this.arena, (window) => window.giveWay());
    if (size > this.#left) throw this.limitError(size);
  }

  /**
   * Goes on with the settings of its route. What is more than a lower limit allows stays. A span is marked, and shown to old
   * Buffers or not, by the `safety` that it was taken for, so another one takes spans of its own.
   */
  change(settings) {
    const seals = settings.safety !== this.settings.safety;
    if (seals || settings.maxBytesPerRequest < this.limit) {
      this.#arenas.settleCutOff();
      eachWindow(this.arena, (window) => window.retractAll(seals));
    }
    this.settings = settings;
    if (this.#budget !== null) this.#budget.limit = this.limit;
  }

  limitError(size) {
    const { used } = this.budget;
    const { allocated, adopted, spans, ahead, stolen } = describe(this.arena);
    const parts = [
      [allocated, `handed out in ${spans} span${spans === 1 ? '' : 's'}`],
      [adopted, 'adopted'],
      [ahead, 'ahead in scopes and after checkpoints'],
      [stolen, 'transferred away'],
      [
        used - allocated - adopted - ahead - stolen,
        this.isOver ? 'after the response' : 'on the heap',
      ],
    ];
    const nonEmpty = parts.filter(([bytes]) => bytes > 0);
    const words = nonEmpty.map(([bytes, how]) => `${formatBytes(bytes)} ${how}`);
    return this.budget.refusal(size, { parts: words, remedy: 'release memory first' });
  }

  /** All memory is in use, or the system gives none: heap Buffers for the rest of this request, or the error. */
  refused(refusal) {
    const onHeap = this.settings.onOverflow !== 'error';
    if (onHeap) {
      this.#usesHeap = true; // before a listener allocates
      this.#arenas.countFallback(refusal);
    } else {
      refusal.status = 503;
      this.#arenas.heap.refuse();
    }
    if (overflows.hasSubscribers) {
      const { error } = refusal;
      overflows.publish({ name: this.settings.name, arena: this.arena, error, onHeap });
    }
    return onHeap;
  }

  /**
   * A Buffer on V8's heap, charged. After the response's end the limit is the same, and all room is free
   * again: a client that goes away must never turn into a throw in a handler, nor into memory without a bound.
   */
  allocOnHeap(size, zero, existing) {
    this.#makeRoom(size);
    const arenas = this.#arenas;
    if (this.#finished) arenas.warnLate(this);
    const { budget, settings } = this;
    budget.parent = this.isOver ? null : arenas.heapFor(size, this.#isUnguarded);
    return arenas.heap.alloc(budget, size, zero, settings.wipe, existing);
  }

  body(window, options) {
    return bodies().bodyOf(this, window, options);
  }

  bodyChunks(window, options) {
    return bodies().chunksOf(this, window, options);
  }

  shrink() {}

  checkClosable() {
    throw new RallocError(
      'ERR_RALLOC_UNSUPPORTED',
      "A request's arena is closed by its response. reset() releases its memory before that",
    );
  }

  /** The response is over. `finished` when it was sent to its end; `mayBeRead` when something may have its memory. */
  end(finished, mayBeRead) {
    if (this.isOver) return;
    this.#arenas.settleCutOff();
    this.#end(finished, mayBeRead);
  }

  #end(finished, mayBeRead) {
    const allocated = releaseRequestArena(this.arena, !mayBeRead);
    this.#finished = finished;
    this.#arenas.ended(this, allocated, finished);
    if (this.bodyReading === null) return;
    this.bodyReading.abort(); // of which nothing more may come
    if (finished) warnOnce('RALLOC_BODY_UNREAD', this.describe(), this.#arenas);
  }

  /** Ends what the middleware began and, at the end of the stack, could not go on with: see base/scope.js. */
  finish() {
    if (!this.isOver) this.#end(false, true);
  }

  /** Whether it has everything that it ever allocated: long streams reset their arena between messages. */
  get keepsAll() {
    const { allocated, adopted, resets } = describe(this.arena);
    return allocated + adopted > 0 && resets === 0;
  }

  /** For people, which request it is. */
  describe() {
    return this.response?.describe() ?? 'a request';
  }

  /** arenas.end(): for a response that emits nothing. False when it is over already. */
  endNow() {
    if (this.isOver) return false;
    this.response.endNow();
    return true;
  }
}

module.exports = { GUARDED, Request };
