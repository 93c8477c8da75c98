'use strict';

// One request: the owner of its arena's memory, from the first middleware to the end of its response.

const { RallocError, limitError } = require('../base/errors.js');
const { describe, makeRequestArena, releaseRequestArena } = require('../arena/arena.js');

class Request {
  ofRequest = true;
  #arenas;
  #room;
  isOver = false; // and its counts are closed
  next = null; // in the pool's list of what is unfinished
  #finished = false;
  usesHeap; // allocations come from the heap: from the beginning, or since a lease was refused
  mayLease; // whether it began with leave to lease: close() waits for such
  since = 0; // with `older` and `newer` of LongRequests
  older = null;
  newer = null;
  response = null; // until it is over, and to describe it
  arena;

  constructor(arenas, usesHeap) {
    this.#arenas = arenas;
    this.#room = arenas.settings.maxBytesPerRequest;
    this.usesHeap = usesHeap;
    this.mayLease = !usesHeap;
    this.arena = makeRequestArena(this);
  }

  /** The middleware. */
  get arenas() {
    return this.#arenas;
  }

  get settings() {
    return this.#arenas.settings;
  }

  get pool() {
    return this.#arenas.pool;
  }

  get limit() {
    return this.settings.maxBytesPerRequest;
  }

  get room() {
    return this.#room;
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
    const { ahead } = this.#arenas.settings;
    const count = Math.min(size, this.#room, Math.max(need, Math.min(want, ahead)));
    this.#room -= count;
    return count;
  }

  discharge(count) {
    this.#room += count;
  }

  limitError(size) {
    return limitError('maxBytesPerRequest', size, this.limit, this.limit - this.#room);
  }

  /** All memory is in use, or the system gives none: heap Buffers for the rest of this request. */
  refused(error) {
    if (!(error instanceof RallocError)) return false;
    this.usesHeap = true;
    this.#arenas.countFallback(error.message);
    return true;
  }

  /**
   * A Buffer on V8's heap, charged. After the response's end the limit is the same, and all room is free
   * again: a client that goes away must never turn into a throw in a handler, nor into memory without a bound.
   */
  allocOnHeap(size, zero) {
    if (size > this.#room) throw this.limitError(size);
    const arenas = this.#arenas;
    if (this.#finished) arenas.warnLate(this.response);
    const buffer = this.isOver ? arenas.lateBuffer(size, zero) : arenas.heapBuffer(size, zero);
    this.#room -= size;
    return buffer;
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
    this.pool.settleCutOff();
    this.#end(finished, mayBeRead);
  }

  #end(finished, mayBeRead) {
    const allocated = releaseRequestArena(this.arena, !mayBeRead);
    this.#finished = finished;
    this.#arenas.ended(this, allocated, finished);
  }

  /** Ends what the middleware began and, at the end of the stack, could not go on with: see base/scope.js. */
  finish() {
    if (!this.isOver) this.#end(false, true);
  }

  /** Whether it has everything that it ever allocated: long streams reset their arena between messages. */
  get keepsAll() {
    const { allocated, resets } = describe(this.arena);
    return allocated > 0 && resets === 0;
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

module.exports = { Request };
