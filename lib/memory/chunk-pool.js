'use strict';

// Warm spans between the arenas of one pool (an Arena with its scopes, or all requests of a middleware) and the
// memory below. A span is the unit of life: it has an ArrayBuffer of its own, and so dies as one.
// A warm span costs an array pop, where a fresh lease costs 3 µs and its first touch a page fault a page;
// memory is called (300 ns) only to lease and to end a lease, never in a steady cycle of resets.

const memory = require('./native.js');
const { RallocError, refusal } = require('../base/errors.js');
const { FastBuffer, hasTransfer } = require('../base/runtime.js');
const { Span } = require('./span.js');
const { WarmSpans } = require('./warm-spans.js');
const { QuarantineGc } = require('./quarantine-gc.js');
const idle = require('./idle.js');
const { staysWarm, leastOf } = require('./options.js');
const { memoryStats } = require('./stats.js');

const { fill } = Uint8Array.prototype;
const transfers = hasTransfer && memory.backend === 'native'; // elsewhere detaching takes a call
const registers = new Float64Array(16); // what memory answers with: read at once, so one is enough

class ChunkPool {
  #leases;
  #warm = new WarmSpans();
  #isIdle = true; // nothing was taken since the last idle tick
  #limitOption;
  #safety;
  #wipe;
  #heldBytes = 0;
  #closed = false;
  mayHaveQuarantined = false; // set when something goes to quarantine; who asks `quarantined` may clear it
  leasedBytes = 0; // of all spans here and in arenas: what V8 counts as external memory

  unfinished = null; // what was cut off: see settle()
  watched = false; // by idle.js
  window = null; // the window of the arena whose pool it is, which is asked for its span in idle times

  #isWorthKeeping;
  #staysWarm;
  #gc;

  /**
   * Options are checked by the owners. `limitOption` is what an ERR_RALLOC_LIMIT tells to raise;
   * `keeps(span, pool)` says whether a span that came back is worth keeping warm; from `collectsFrom` bytes in
   * quarantine on a collection is asked for. Throws ERR_RALLOC_UNSUPPORTED or ERR_RALLOC_MAP where the system does
   * not grant what `memory` asks for.
   */
  constructor({
    maxBytes,
    chunkSize,
    safety,
    wipe,
    limitOption,
    keeps = () => true,
    collectsFrom = Number.POSITIVE_INFINITY,
    memory: asked,
  }) {
    this.#isWorthKeeping = keeps;
    this.#gc = new QuarantineGc(collectsFrom, memory.backend === 'js');
    this.#staysWarm = staysWarm(asked);
    this.#leases = new memory.LeasedArena(maxBytes, chunkSize, wipe, asked);
    if (asked !== undefined) {
      const failure = this.#leases.probe();
      if (failure !== null) throw refusal(failure, limitOption, leastOf(asked));
    }
    this.#limitOption = limitOption;
    this.#safety = safety;
    this.#wipe = wipe;
  }

  /** Whether a span's memory can serve again at once. */
  get reusesAtOnce() {
    return this.#safety !== 'gc';
  }

  /**
   * A span of at least `need` and preferably `want` bytes; `isChunk`: as a chunk of its own.
   * Throws ERR_RALLOC_LIMIT or ERR_RALLOC_MAP and changes nothing.
   */
  acquire(need, want, isChunk) {
    this.#isIdle = false;
    let span = this.#warm.take(need, want, isChunk);
    while (span !== undefined && !this.#isWhole(span)) span = this.#warm.take(need, want, isChunk);
    return span ?? this.#lease(need, want, isChunk);
  }

  /** A Buffer that was kept in `recycle` mode can still have its memory taken away: false then. */
  #isWhole(span) {
    if (span.ab.byteLength === 0) this.retireStolen(span);
    return span.ab !== null;
  }

  #lease(need, want, isChunk) {
    let leased = this.#tryLease(need, want, isChunk);
    if (leased.kind === 'limit') {
      // Where what is given back is not to be had in another shape at once, any shape is welcome.
      const comesBack = this.#safety !== 'recycle' && !this.#staysWarm;
      const fitting = comesBack ? Math.max(need, want) : Number.MAX_SAFE_INTEGER;
      const other = this.#warm.takeOther(need, fitting, isChunk);
      if (other !== undefined && this.#isWhole(other)) return other;
      leased = this.#leaseAfterEviction(need, want, isChunk);
    }
    if (leased.kind !== undefined) {
      if (this.quarantined > 0) this.collect();
      throw refusal(leased, this.#limitOption, need, this.quarantined);
    }
    // At exit Node 24 and 26 abort over one of Node-API's that was marked as untransferable: nobody sees it (100 ns).
    if (transfers) leased = leased.transfer();
    const [id, epoch, cleanFrom] = registers;
    this.leasedBytes += leased.byteLength;
    if (!this.#staysWarm) idle.watch(this);
    return new Span(leased, id, epoch, cleanFrom, isChunk);
  }

  /** What is warm has other shapes: the largest go back, until their bytes can be had in this one. */
  #leaseAfterEviction(need, want, isChunk) {
    for (let bytes = need; ; bytes *= 2) {
      const evicted = this.#warm.takeLargest(bytes);
      for (const span of evicted) this.#endLease(span);
      this.#leases.trim();
      const leased = this.#tryLease(need, want, isChunk);
      if (leased.kind !== 'limit' || evicted.length === 0) return leased;
    }
  }

  #tryLease(need, want, isChunk) {
    try {
      return this.#leases.lease(need, Math.max(need, want), isChunk, registers);
    } catch (error) {
      throw new RallocError(error.code, error.message); // the runtime refused an external ArrayBuffer
    }
  }

  /**
   * Takes a span back from an arena that handed out its first `span.used` bytes: every Buffer over it is
   * dead after this (safety 'detach'), or keeps its bytes (safety 'gc'), or shows what comes next ('recycle').
   */
  release(span) {
    if (span.ab === null) return;
    if (this.#safety === 'gc' && span.used > 0) {
      this.quarantine(span);
    } else if (this.detachAndReuse(span)) {
      if (this.#closed) this.#endLease(span);
      else if (this.#isWorthKeeping(span, this)) this.#warm.put(span);
      else this.#endLease(span);
    }
  }

  /**
   * Begins a span's next epoch in place: its Buffers are detached and it is as if nothing was handed out.
   * False when it is lost: stolen, or made untransferable, and then left to the garbage collector.
   */
  detachAndReuse(span) {
    const { ab, used } = span;
    if (ab.byteLength === 0) {
      this.retireStolen(span);
      return false;
    }
    if (used === 0) return true;
    if (this.#wipe) fill.call(new FastBuffer(ab, 0, used), 0);
    if (used > span.cleanFrom) span.cleanFrom = used;
    if (this.#safety !== 'recycle') {
      try {
        span.ab = transfers ? ab.transfer() : this.#leases.renew(span.id, span.epoch, ab);
      } catch {
        // worker_threads.markAsUntransferable(buf.buffer): it cannot be detached by anyone.
        this.quarantine(span);
        return false;
      }
    }
    span.used = 0;
    return true;
  }

  /** Leaves a span attached to its Buffers; its memory comes back when V8 has proved that there are none. */
  quarantine(span) {
    const { ab, id, epoch } = span;
    if (ab === null) return;
    if (ab.byteLength === 0) {
      this.retireStolen(span);
      return;
    }
    this.#forget(span);
    this.mayHaveQuarantined = true;
    idle.watchDepot();
    this.#leases.quarantine(id, epoch, Math.max(span.used, span.cleanFrom), ab);
    this.#gc.entered(span.size, this);
  }

  /** Asks for a collection. */
  collect() {
    this.#gc.ask(this.quarantined);
  }

  /** A transfer list or a byte stream took the ArrayBuffer: its memory is never used again. */
  retireStolen(span) {
    if (span.ab === null) return;
    this.#forget(span);
    this.#leases.steal(span.id, span.epoch, span.used);
  }

  #forget(span) {
    if (span.held) this.#setHeld(span, false);
    span.ab = null;
    this.leasedBytes -= span.size;
  }

  #setHeld(span, held) {
    span.held = held;
    this.#heldBytes += held ? span.size : -span.size;
  }

  hold(span) {
    this.#leases.hold(span.id, span.epoch);
    this.#setHeld(span, true);
  }

  unhold(span) {
    this.#leases.unhold(span.id, span.epoch);
    this.#setHeld(span, false);
    this.release(span);
  }

  #endLease(span) {
    idle.watchDepot();
    const { ab, id, epoch } = span;
    // In `recycle` mode Buffers may still be over it: only V8 knows when there are none.
    if (this.#safety === 'recycle' || ab.byteLength === 0) {
      this.quarantine(span);
    } else {
      this.#forget(span);
      this.#leases.release(id, epoch, span.cleanFrom, ab);
    }
  }

  /** Gives every warm span back: to the depot, and by its idle trimming to the system. */
  shrink() {
    for (const span of this.#warm.takeAll()) this.#endLease(span);
    this.#leases.trim();
  }

  /** Called by the idle timer: what was warm for a whole tick without being used goes back. */
  tick() {
    if (this.window !== null) {
      if (this.#staysWarm) return false;
      this.window.idleTick();
    }
    if (this.#isIdle) this.shrink();
    else for (const span of this.#warm.takeUnneeded()) this.#endLease(span);
    this.#isIdle = true;
    this.#leases.trim();
    return this.leasedBytes > 0;
  }

  close() {
    this.#closed = true;
    this.shrink();
  }

  /** Counts anew, for another arena. */
  restart() {
    this.#leases.restart();
  }

  get quarantined() {
    return this.#leases.quarantined();
  }

  chunks() {
    return this.#leases.chunks();
  }

  stats() {
    this.#leases.stats(registers);
    const inArenas = this.leasedBytes - this.#heldBytes - this.#warm.bytes;
    return memoryStats(registers, inArenas);
  }
}

module.exports = { ChunkPool };
