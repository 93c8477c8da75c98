'use strict';

// Warm spans between the arenas of one pool (an Arena with its scopes, or all requests of a middleware) and the
// memory below. A span is the unit of life: it has an ArrayBuffer of its own, and so dies as one.
// A warm span costs an array pop, where a fresh lease costs 3 µs and its first touch a page fault a page;
// memory is called (300 ns) only to lease and to end a lease, never in a steady cycle of resets.
//
// Any call can throw where the stack ends, and vm's timeout can stop JavaScript at any call or turn of a loop. What
// belongs together is changed after the last call, so `ab` and `home` of a span are always right. Steps that take more
// are counted in `pending`; when it is not 0 at the next call, one was cut off, and settle() makes the rest right.

const memory = require('./native.js');
const { refusal } = require('../base/errors.js');
const { FastBuffer } = require('../base/runtime.js');
const { finishScopes } = require('../base/scope.js');
const { Guarded } = require('../base/guarded.js');
const { ParkedSpans } = require('./parked-spans.js');
const { SpanLeases } = require('./span-leases.js');
const { WarmSpans } = require('./warm-spans.js');
const { QuarantineGc } = require('./quarantine-gc.js');
const idle = require('./idle.js');
const { staysWarm, leastOf } = require('./options.js');
const { memoryStats } = require('./stats.js');
const { describeTaken, waitingParts } = require('./taken.js');

const { fill } = Uint8Array.prototype;

class ChunkPool {
  #leases;
  pending = 0; // steps that have begun and are not over
  #warm = new WarmSpans();
  #about; // for errors
  #safety;
  #wipe;
  #closed = false;
  mayHaveQuarantined = false; // set when something goes to quarantine; who asks `quarantined` may clear it

  unfinished = null; // the ends of scopes that the stack had no room for: see base/scope.js
  watched = false; // by idle.js
  guarded = new Guarded();
  window = null; // the window of the arena whose pool it is, which is asked for its span in idle times

  #isWorthKeeping;
  #staysWarm;
  #gc;

  /**
   * Options are checked by the owners. `limitOption` is what an ERR_RALLOC_LIMIT tells to raise; `keeps(span, pool)` says
   * whether a span that came back is worth keeping warm; from `collectsFrom` bytes in quarantine on a collection is asked
   * for. Throws ERR_RALLOC_UNSUPPORTED or ERR_RALLOC_MAP where the system does not grant what `memory` asks for.
   */
  constructor({
    maxBytes,
    chunkSize,
    safety,
    wipe,
    guard,
    holdMs,
    limitOption,
    keeps = () => true,
    collectsFrom = Number.POSITIVE_INFINITY,
    memory: asked,
  }) {
    this.reusesAtOnce = safety !== 'gc'; // a span's memory
    this.isGuarded = guard && this.reusesAtOnce; // see lib/guard
    this.parked = new ParkedSpans(this, holdMs);
    this.#isWorthKeeping = keeps;
    this.#gc = new QuarantineGc(collectsFrom, memory.backend === 'js');
    this.#staysWarm = staysWarm(asked);
    this.#leases = new SpanLeases(maxBytes, chunkSize, wipe, asked);
    if (asked !== undefined) {
      const failure = this.#leases.probe();
      if (failure !== null) throw refusal(failure, limitOption, leastOf(asked), { asked });
    }
    this.#about = { limitOption, asked };
    this.#safety = safety;
    this.#wipe = wipe;
  }

  // Of all spans here and in arenas: what V8 counts as external memory.
  get leasedBytes() {
    return this.#leases.bytes;
  }

  /**
   * A span of at least `need` and preferably `want` bytes; `isChunk`: as a chunk of its own.
   * Throws ERR_RALLOC_LIMIT or ERR_RALLOC_MAP and changes nothing. The caller makes it its own by `home`, and with it
   * ends the step: `pending--`.
   */
  acquire(need, want, isChunk) {
    this.pending++;
    let span = this.#warm.take(need, want, isChunk);
    while (span !== undefined && !this.#isWhole(span)) span = this.#warm.take(need, want, isChunk);
    if (span !== undefined) return span;
    this.pending--;
    return this.#lease(need, want, isChunk);
  }

  /** A Buffer that was kept in `recycle` mode can still have its memory taken away: false then. */
  #isWhole(span) {
    if (span.ab.byteLength === 0) this.retireStolen(span);
    return span.ab !== null;
  }

  #lease(need, want, isChunk) {
    let leased = this.#leases.lease(need, want, isChunk, this);
    // What is warm goes only where that can help: a size that never fits takes nothing from those that do.
    if (leased.kind === 'limit' && need <= leased.limit - this.#leases.lasting()) {
      // Where what is given back is not to be had in another shape at once, any shape is welcome.
      const fitting = this.#staysWarm ? Number.MAX_SAFE_INTEGER : Math.max(need, want);
      this.pending++;
      const other = this.#warm.takeOther(need, fitting, isChunk);
      if (other !== undefined && this.#isWhole(other)) return other;
      leased = this.#leaseAfterEviction(need, want, isChunk);
      this.pending--;
    }
    if (leased.kind !== undefined) {
      if (this.quarantined > 0) this.collect();
      const taken = describeTaken(this.stats(), this.#leases.spans);
      throw refusal(leased, this.#about.limitOption, need, { ...this.#about, taken });
    }
    if (!this.#staysWarm) idle.watch(this);
    return leased;
  }

  /** What is warm has other shapes: the largest go back, until their bytes can be had in this one. */
  #leaseAfterEviction(need, want, isChunk) {
    for (let bytes = need; ; bytes *= 2) {
      const evicted = this.#warm.takeLargest(bytes);
      for (const span of evicted) this.#endLease(span);
      this.#leases.trim();
      const leased = this.#leases.lease(need, want, isChunk, this);
      if (leased.kind !== 'limit' || evicted.length === 0) return leased;
    }
  }

  /** Makes right what a cut-off step left. To be called only where no other is under way. */
  settle() {
    if (this.unfinished !== null) finishScopes(this);
    for (const span of this.#leases.spans) if (span.ab !== null) span.home?.finish();
    this.#leases.sweep();
    this.#warm = new WarmSpans();
    for (const span of this.#leases.spans) if (span.home === null) this.#warm.put(span);
    this.pending = 0;
  }

  settleCutOff() {
    if (this.pending !== 0 || this.unfinished !== null) this.settle();
  }

  /**
   * Takes a span back from an arena that handed out its first `span.used` bytes, and from what held it; if operations use
   * it, when they are over. Then every Buffer over it is dead (safety 'detach'), or keeps its bytes (safety 'gc'), or
   * shows what comes next ('recycle').
   */
  release(span) {
    if (span.ab === null) return;
    if (span.held && span.operations === 0) this.#leases.unhold(span);
    if (this.#safety === 'gc' && span.used > 0) {
      this.quarantine(span);
    } else if (span.operations > 0) {
      this.parked.add(span);
    } else if (this.detachAndReuse(span)) {
      span.home = null;
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
    if (this.#safety !== 'recycle' && !this.#leases.renew(span)) {
      this.quarantine(span);
      return false;
    }
    span.used = 0;
    return true;
  }

  /** Leaves a span attached to its Buffers; its memory comes back when V8 has proved that there are none. */
  quarantine(span) {
    if (span.ab === null) return;
    if (span.ab.byteLength === 0) return this.retireStolen(span);
    this.mayHaveQuarantined = true;
    idle.watchDepot();
    this.#leases.end('quarantine', span, Math.max(span.used, span.cleanFrom));
    this.#gc.entered(span.size, this);
  }

  collect() {
    this.#gc.ask(this.quarantined);
  }

  /** A transfer list or a byte stream took the ArrayBuffer: its memory is never used again. */
  retireStolen(span) {
    if (span.ab !== null) this.#leases.end('steal', span, span.used);
  }

  hold(span) {
    this.#leases.hold(span);
  }

  #endLease(span) {
    idle.watchDepot();
    // Those of Buffers that `recycle` leaves alive. They die here, for the next user can be any arena.
    if (span.operations > 0) return this.parked.add(span);
    const isSeen = this.#safety === 'recycle' && !this.#leases.renew(span);
    if (isSeen || span.ab.byteLength === 0) this.quarantine(span);
    else this.#leases.end('release', span, span.cleanFrom);
  }

  /** Gives every warm span back: to the depot, and by its idle trimming to the system. */
  shrink() {
    this.pending++;
    for (const span of this.#warm.takeAll()) this.#endLease(span);
    this.#leases.trim();
    this.pending--;
  }

  /** Called by the idle timer: what was warm for a whole tick without being used goes back. */
  tick() {
    this.settleCutOff();
    if (this.window !== null) {
      if (this.#staysWarm) return false;
      this.window.idleTick();
    }
    for (const span of this.#warm.takeUnneeded()) this.#endLease(span);
    this.#leases.trim();
    return this.leasedBytes > 0;
  }

  close() {
    this.#closed = true;
    this.settleCutOff();
    this.shrink();
  }

  /** Counts anew, for another arena. */
  restart({ holdMs }) {
    this.parked.restart(holdMs);
    if (this.isGuarded) this.guarded = new Guarded();
    this.#leases.restart();
  }

  get quarantined() {
    return this.#leases.quarantined();
  }

  waiting() {
    return waitingParts(this.stats(), this.#leases.spans);
  }

  chunks() {
    return this.#leases.chunks();
  }

  stats() {
    this.settleCutOff();
    const { bytes, heldBytes } = this.#leases;
    return memoryStats(this.#leases.stats(), bytes - heldBytes - this.#warm.bytes);
  }
}

module.exports = { ChunkPool };
