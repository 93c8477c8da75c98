'use strict';

// One request: the owner of its arena's memory, from the first use of the arena to the end of the
// response (response.js). Until that use nobody watches the response, because most requests of most
// servers never use their arena. end() frees the memory. If something may still read it (an aborted
// response, a server's error), the memory goes to quarantine instead, until V8 has collected every
// Buffer over it (memory/chunk-pool.js).

const { channel } = require('node:diagnostics_channel');
const { announcedBy } = require('../base/announced.js');
const { formatBytes, many } = require('../base/bytes.js');
const { lazy } = require('../base/lazy.js');
const { RallocError } = require('../base/errors.js');
const { observing } = require('../base/observer.js');
const { warnOnce } = require('../base/warnings.js');
const {
  Arena,
  describe,
  eachWindow,
  kInternal,
  releaseUnused,
  windowOf,
} = require('../arena/arena.js');
const { Budget } = require('../memory/budget.js');

const GUARDED = -1;
const SMALL = 4096; // bytes in all for which Node's pool is the best arena
const overflows = channel('ralloc:request:overflow');

const bodies = lazy(() => require('./body.js'));

/**
 * A request in the AsyncLocalStorage. A socket, timer or promise may keep it for long after the
 * request, so it does not keep the request alive, whose end nobody sees before it begins.
 */
class Context {
  // Without fields, as a Request.
  constructor(request) {
    this.isOver = request.isOver;
    this.begun = request.isBegun && !request.isOver ? request.arena : undefined; // from its beginning to its end
    this.reference = new WeakRef(request);
  }

  get arena() {
    return this.begun ?? (this.isOver ? undefined : this.#begin());
  }

  #begin() {
    this.reference.deref()?.begin();
    return this.begun;
  }
}

class Request {
  // Without fields, because V8 makes a function of them, which is compiled for itself.
  constructor(arenas, req, res, late) {
    this.ofRequest = true;
    this.arenas = arenas; // the middleware
    this.req = req; // Node's, or the object in its place
    this.res = res;
    this.isBegun = false; // whether its arena was used, and its response is watched
    this.small = 0; // bytes of Node's pool that it was given in place of its arena's
    this.used = 0; // bytes that its windows may hand out, and of its heap Buffers
    this.heapBudget = null; // what its heap Buffers are charged to besides; null after its end
    this.settings = arenas.settings; // includes those of its route, once that is known
    this.isOver = false; // whether it has ended and is no longer counted
    this.wasSent = null; // whether its response was, if that is over before the request begins
    this.isFinished = false;
    this.isOnHeap = false; // true from the beginning, or since a lease was refused
    this.late = late; // if it began before everything was guarded, the number of guard parts that had come late by then; GUARDED once it has memory
    this.isUnguarded = false; // a part of the guard came late, so its memory comes from the heap
    this.mayLease = false; // whether it could lease memory when it began: close() waits for it
    this.since = -1; // the middleware's `ticks` at its first memory; -1 without memory
    this.response = null; // its OpenResponse, also used to describe it
    this.context = null; // its context in the AsyncLocalStorage, emptied when it is over
    this.bodyPromise = null; // the promise of body(), once it was called
    this.bodyReading = null; // set while body() reads
    this.window = null; // its arena's own window, from the first use on
    this.arena = new Arena(undefined, kInternal, this, null);
  }

  /** Called before each use of its arena. Afterwards it may be over. */
  begin() {
    if (!this.isBegun) this.arenas.begin(this);
  }

  get pool() {
    return this.arenas.pool;
  }

  /**
   * Whether allocations come from the heap; read before the first one. If a part of the guard was
   * installed after this request began, the handler may already have taken the unguarded function
   * from Node, and may pass it the Buffers that it allocates now.
   */
  get usesHeap() {
    if (this.late !== GUARDED) {
      this.isUnguarded = this.arenas.guardRest() !== this.late;
      this.late = GUARDED;
    }
    return this.isOnHeap || this.isUnguarded;
  }

  get limit() {
    return this.settings.maxBytesPerRequest;
  }

  /** Bytes left of its own limit. With a tenant it may be less (tenant.js). */
  get room() {
    return this.limit - this.used;
  }

  /** Returns its context, which may be entered several times, even after its end. */
  enter() {
    this.context ??= new Context(this);
    return this.context;
  }

  /**
   * The announced length of its body, if that is not read yet: what is collected meanwhile is
   * probably a part of it. 0 if it is unknown.
   */
  get announced() {
    const { req } = this;
    return req.readableEnded ? 0 : (announcedBy(req) ?? 0);
  }

  nextChunkSize(opened) {
    return this.arenas.chunkSizes.next(opened);
  }

  /**
   * Charges and returns what a window over `size` bytes may hand out at first: room for `need` and
   * about `want` bytes, however large the warm span was. A full window is charged for more of its
   * span, so no window is charged more than `ahead` bytes, a sixteenth of the limit, beyond its
   * use.
   */
  charge(need, want, size) {
    if (this.since < 0) this.since = this.arenas.ticks;
    const { ahead } = this.settings;
    const count = Math.min(size, Math.max(need, Math.min(want, ahead, this.room)));
    this.take(count);
    return count;
  }

  take(count) {
    this.used += count;
  }

  discharge(count) {
    this.used -= count;
  }

  dischargeHeap(bytes) {
    this.heapBudget?.discharge(bytes);
    this.used -= bytes; // no call before this line
  }

  /**
   * Throws if `size` bytes do not fit, even after windows have given back what they are charged
   * beyond their use.
   */
  makeRoom(size) {
    this.#makeRoom(size);
    return true;
  }

  #makeRoom(size) {
    if (size <= this.limit - this.used) return;
    eachWindow(this.arena, (window) => window.giveWay());
    if (size > this.limit - this.used) throw this.limitError(size);
  }

  /**
   * Continues with the settings of its route. Memory beyond a lower limit stays. Another `safety`
   * takes new spans, because a span is guarded, and may be visible to old Buffers, according to the
   * `safety` that it was taken for.
   */
  change(settings) {
    const seals = settings.safety !== this.settings.safety;
    if (seals || settings.maxBytesPerRequest < this.limit) {
      this.arenas.check();
      eachWindow(this.arena, (window) => window.retractAll(seals));
    }
    this.settings = settings;
  }

  limitError(size) {
    const { arenas, limit, used } = this;
    const { allocated, adopted, spans, ahead, lost } = describe(this.arena);
    const parts = [
      [allocated, `handed out in ${many(spans, 'span')}`],
      [adopted, 'adopted'],
      [ahead, 'ahead in scopes and after checkpoints'],
      [lost, 'transferred away'],
      [
        used - allocated - adopted - ahead - lost,
        this.isOver ? 'after the response' : 'on the heap',
      ],
    ];
    const nonEmpty = parts.filter(([bytes]) => bytes > 0);
    const words = nonEmpty.map(([bytes, how]) => `${formatBytes(bytes)} ${how}`);
    const budget = new Budget(arenas.perRequest, limit);
    budget.force(used);
    return budget.refusal(size, { parts: words, remedy: 'release memory first' });
  }

  /**
   * Called when all memory is in use or the system has none: switches the rest of this request to
   * the heap, or throws.
   */
  refused(refusal) {
    const onHeap = this.settings.onOverflow !== 'error';
    if (onHeap) {
      this.isOnHeap = true; // first, because a listener may allocate
      this.arenas.countFallback(refusal);
    } else {
      refusal.status = 503;
      this.arenas.heap.refuse();
    }
    if (overflows.hasSubscribers) {
      const { error } = refusal;
      overflows.publish({ name: this.settings.name, arena: this.arena, error, onHeap });
    }
    return onHeap;
  }

  /**
   * Returns a charged Buffer on V8's heap. After the response the same limit applies, starting from
   * 0 again: a client that disconnects must neither make the handler throw nor let it use memory
   * without a bound.
   */
  allocOnHeap(size, zero, existing) {
    this.#makeRoom(size);
    const arenas = this.arenas;
    if (this.isFinished) arenas.warnLate(this);
    this.heapBudget = this.isOver ? null : arenas.heapFor(size, this.isUnguarded);
    const buffer = arenas.heap.alloc(this.heapBudget, size, zero, this.settings.wipe, existing);
    this.used += size; // no call since it was charged there
    return buffer;
  }

  /** Whether a Buffer is one of Node's: an arena for so little takes a fifth of a request. */
  leavesSmall(size) {
    const isSmall = size >>> 0 === size && size > 0 && this.small + size <= SMALL;
    if (!isSmall || this.isBegun || !this.#leaves(this.small + size)) return false;
    this.small += size;
    return true;
  }

  #leaves(length) {
    return length <= this.limit && this.settings.leavesBodies && !observing.isTesting;
  }

  /**
   * Whether a small body of `length` bytes, 0 if that is unknown, goes to V8's heap, which is then
   * no use of the arena (node/small-body.js).
   */
  leavesBody(length) {
    return length > 0 && this.#leaves(length) && !windowOf(this.arena).hasCheckpoint;
  }

  /** `isScope`: the body should end with the scope. */
  body(windowOf, options, isScope) {
    return bodies().bodyOf(this, windowOf, options, isScope);
  }

  bodyChunks(windowOf, options) {
    return bodies().chunksOf(this, windowOf, options);
  }

  shrink() {}

  checkClosable() {
    throw new RallocError(
      'ERR_RALLOC_UNSUPPORTED',
      "A request's arena is closed by its response. reset() releases its memory before that",
    );
  }

  /**
   * Called when the response is over. `finished`: it was sent completely; `mayBeRead`: something
   * may still read its memory.
   */
  end(finished, mayBeRead) {
    if (this.isOver) return;
    if (!this.isBegun) {
      this.wasSent = finished;
      return;
    }
    const { arenas, window } = this;
    if (window === null) releaseUnused(this.arena);
    const allocated = window === null ? 0 : window.finish(mayBeRead ? 'abort' : 'response', null);
    this.isFinished = finished;
    arenas.ended(this, allocated, finished);
    if (this.bodyReading === null) return;
    this.bodyReading.abort(); // the rest of the body must not use the arena
    if (finished) warnOnce('RALLOC_BODY_UNREAD', this.describe(), arenas);
  }

  /**
   * Whether it has allocated and never reset its arena, as long streams should do between messages.
   */
  get keepsAll() {
    const { allocated, adopted, resets } = describe(this.arena);
    return allocated + adopted > 0 && resets === 0;
  }

  /** The request's name in messages. */
  describe() {
    return this.response?.describe() ?? 'a request';
  }

  /** arenas.end(), for a response that emits no events. Returns false if it is over already. */
  endNow() {
    this.begin();
    if (this.isOver) return false;
    this.response.endNow();
    return true;
  }
}

module.exports = { GUARDED, Request };
