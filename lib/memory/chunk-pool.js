'use strict';

// Warm spans between the arenas of one pool (an Arena with its scopes, or all requests of a middleware) and the
// memory below. A span is the unit of life: it has an ArrayBuffer of its own, and so dies as one.
// A warm span costs an array pop, where a fresh lease costs 3 µs and its first touch a page fault a page;
// memory is called (300 ns) only to lease and to end a lease, never in a steady cycle of resets.
//
// Any call can throw where the stack ends, and vm's timeout can stop JavaScript at any call or turn of a loop. What
// belongs together is changed after the last call, so `ab` and `state` of a span are always right. Steps that take more
// are counted in `pending`; when it is not 0 at the next call, one was cut off, and settle() makes the rest right.

const memory = require('./native.js');
const { refusal } = require('../base/errors.js');
const { view } = require('../base/views.js');
const { lazy } = require('../base/lazy.js');
const { finishScopes } = require('../base/scope.js');
const { Guarded } = require('../base/guarded.js');
const { LEAVING, OPEN, SpanLeases, WAITING, WARM } = require('./span.js');
const { Waiting, isClaimed } = require('./waiting.js');
const { WarmSpans } = require('./warm-spans.js');
const { QuarantineGc } = require('./quarantine-gc.js');
const idle = require('./idle.js');
const { staysWarm } = require('./options.js');
const { memoryStats } = require('./stats.js');
const { Holders, describeUsage, waitingParts } = require('./pool-usage.js');

const adoptedSpans = lazy(() => require('./adopted-spans.js'));

/** The private lists of a pool: `{ leases, warm }`, for audit.js. */
let partsOf;

class ChunkPool {
  #leases;
  pending = 0; // steps that have begun and are not over
  #warm = new WarmSpans();
  #asked; // the options `memory`
  #policy; // { safety, wipe } of spans that nobody has; each arena says its own
  #closed = false;
  mayHaveQuarantined = false; // set when something goes to quarantine; who asks `quarantined` may clear it

  unfinished = null; // the ends of scopes that the stack had no room for: see base/scope.js
  watched = false; // by idle.js
  guarded = new Guarded();
  adopted = null; // AdoptedSpans, from the first one on
  holders = new Holders();
  window = null; // the window of the arena whose pool it is, which is asked for its span in idle times

  #isWorthKeeping;
  #staysWarm;
  #gc;

  /**
   * Options are checked by the owners. `about` is of the budget `maxBytes`; `keeps(span, pool)` says
   * whether a span that came back is worth keeping warm; from `collectsFrom` bytes in quarantine on a collection is asked
   * for; `mayWipe`: whether arenas may ask for `wipe`. Throws ERR_RALLOC_UNSUPPORTED or ERR_RALLOC_MAP where the system does not grant what `memory` asks for.
   */
  constructor(options) {
    const { about, maxBytes, chunkSize, safety, wipe, memory: asked } = options;
    const { mayWipe = wipe, keeps = () => true, collectsFrom = Number.POSITIVE_INFINITY } = options;
    this.isGuarded = options.guard; // see lib/guard
    this.waiting = new Waiting(this, options.holdMs);
    this.#isWorthKeeping = keeps;
    this.#gc = new QuarantineGc(collectsFrom, memory.backend === 'js');
    this.#staysWarm = staysWarm(asked);
    this.#leases = new SpanLeases(about, maxBytes, chunkSize, mayWipe, asked);
    this.#asked = asked;
    this.#leases.probe(asked);
    this.#policy = { safety, wipe };
  }

  // Of all spans here and in arenas: what V8 counts as external memory.
  get leasedBytes() {
    return this.#leases.bytes;
  }

  /**
   * A span of at least `need` and preferably `want` bytes; `isChunk`: as a chunk of its own. Or the error that refuses it,
   * ERR_RALLOC_LIMIT or ERR_RALLOC_MAP, and nothing is changed: the caller throws it, for each function that an error is thrown through
   * makes a refusal 2 to 3 µs dearer. The caller opens the span, and with that ends the step: `pending--`.
   */
  acquire(need, want, isChunk, policy = this.#policy) {
    this.pending++;
    let span = this.#warm.take(need, want, isChunk);
    while (span !== undefined && !this.#suits(span, policy)) {
      span = this.#warm.take(need, want, isChunk);
    }
    if (span !== undefined) return span;
    this.pending--;
    return this.#lease(need, want, isChunk, policy);
  }

  /** Whether a warm span can serve. What 'recycle' leaves to old Buffers can be taken away, and is for 'recycle' alone. */
  #suits(span, { safety }) {
    const mustDie = span.isSeen && safety !== 'recycle';
    if (span.ab.byteLength === 0) this.retireStolen(span);
    else if (mustDie && span.operations > 0) this.waiting.add(span, this.#policy, null);
    else if (mustDie && !this.#leases.renew(span)) this.quarantine(span);
    else if (this.isGuarded && span.guard === undefined && safety !== 'gc') this.#leases.mark(span);
    return span.state === WARM;
  }

  #lease(need, want, isChunk, policy) {
    const other = () => {
      // Where what is given back is not to be had in another shape at once, any shape is welcome.
      const fitting = this.#staysWarm ? Number.MAX_SAFE_INTEGER : Math.max(need, want);
      const span = this.#warm.takeOther(need, fitting, isChunk);
      return span !== undefined && this.#suits(span, policy) ? span : undefined;
    };
    const ask = () => this.#leases.lease(need, want, isChunk, this, policy);
    const span = this.#granted(need, ask, other);
    if (!this.#staysWarm) idle.watch(this);
    return span;
  }

  /** A span for `ab`, which is none of this memory, or an error, as acquire() has them. */
  adopt(ab, size, policy) {
    this.adopted ??= new (adoptedSpans().AdoptedSpans)(this, this.#leases.budget);
    return this.#granted(size, () => this.adopted.add(ab, size, policy));
  }

  /** What ask() gives, which has begun a step with it, or an error. At the limit what `other` gives, or what is warm makes room. */
  #granted(need, ask, other) {
    let result = ask();
    // What is warm goes only where that can help: a size that never fits takes nothing from those that do.
    const room = result.limit - this.#adoptedBytes - need;
    if (result.kind === 'limit' && this.#leases.mayLeave(room, this.#warm)) {
      this.pending++;
      const span = other?.();
      if (span !== undefined) return span;
      result = this.#warm.evictUntil(need, ask, (spans) => this.#endLeases(spans));
      this.pending--;
    }
    if (result.kind === undefined) return result;
    const stats = this.stats();
    if (stats.quarantined > 0) this.collect();
    const usage = describeUsage(stats, this.holders, this.#used);
    return refusal(result, this.#leases.budget.about, need, { asked: this.#asked, usage });
  }

  get #adoptedBytes() {
    return this.adopted?.bytes ?? 0;
  }

  /** Makes right what a cut-off step left. To be called only where no other is under way. */
  settle() {
    if (this.unfinished !== null) finishScopes(this);
    for (const span of this.#leases.spans) {
      if (span.state === OPEN) span.home.finish();
      else if (span.state === LEAVING) this.release(span, span.policy);
    }
    this.adopted?.finish();
    this.waiting.finish();
    this.#leases.sweep();
    this.#warm = new WarmSpans();
    for (const span of this.#leases.spans) if (span.state === WARM) this.#warm.put(span);
    this.holders = this.#leases.recount();
    this.pending = 0;
  }

  settleCutOff() {
    if (this.pending !== 0 || this.unfinished !== null) this.settle();
  }

  /**
   * Takes a span back from an arena that handed out its first `span.used` bytes, or from what claimed it; if it is claimed, by operations or by
   * `claims`, when that is over. Then every Buffer over it is dead (safety 'detach'), or keeps its bytes (safety 'gc'), or
   * shows what comes next ('recycle').
   */
  release(span, policy = this.#policy, claims = null) {
    if (span.ab === null) return this.adopted?.release(span, policy, claims);
    if (isClaimed(span, claims)) return this.waiting.add(span, policy, claims);
    if (span.state === WAITING) this.#leases.unhold(span);
    if (this.detachAndReuse(span, policy)) {
      span.state = WARM;
      span.home = null;
      if (this.#closed) this.#endLease(span);
      else if (this.#isWorthKeeping(span, this)) this.#warm.put(span);
      else this.#endLease(span);
    }
  }

  /** The same of one of `spans`, of an epoch, that nothing was handed out of. */
  takeBack(span, spans, policy) {
    const index = spans.indexOf(span);
    this.pending++;
    spans.splice(index, 1); // no call until it is released
    span.state = WARM;
    span.home = null;
    this.release(span, policy);
    this.pending--;
  }

  /**
   * Begins a span's next epoch in place: its Buffers are detached and it is as if nothing was handed out.
   * False when it is lost: stolen, or left to the garbage collector. That is where safety is 'gc', where nobody can detach
   * it, and where it was handed out unmarked, in 'gc', so that no operation of Node held it.
   */
  detachAndReuse(span, { safety, wipe } = this.#policy) {
    const { ab, used } = span;
    const waits = used > 0 && (safety === 'gc' || (this.isGuarded && span.guard === undefined));
    if (waits || ab.byteLength === 0) {
      this.quarantine(span, wipe);
      return false;
    }
    if (used === 0) return true;
    if (wipe) view(ab, 0, used, true);
    if (used > span.cleanFrom) span.cleanFrom = used;
    if (safety === 'recycle') {
      span.isSeen = true;
    } else if (!this.#leases.renew(span)) {
      this.quarantine(span, wipe);
      return false;
    }
    span.used = 0;
    return true;
  }

  /** Leaves a span attached to its Buffers; its memory comes back when V8 has proved that there are none. */
  quarantine(span, wipe = this.#policy.wipe) {
    if (span.ab === null) return this.adopted?.drop(span);
    if (span.ab.byteLength === 0) return this.retireStolen(span);
    this.mayHaveQuarantined = true;
    idle.watchDepot();
    this.#leases.end('quarantine', span, wipe ? Math.max(span.used, span.cleanFrom) : 0);
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
    if (span.ab !== null) this.#leases.hold(span);
  }

  #endLease(span) {
    idle.watchDepot();
    // Those of Buffers that `recycle` leaves alive. They die here, for the next user can be any arena.
    if (span.operations > 0) return this.waiting.add(span, this.#policy, null);
    const isLost = span.isSeen && !this.#leases.renew(span);
    if (isLost || span.ab.byteLength === 0) this.quarantine(span);
    else this.#leases.end('release', span, this.#policy.wipe ? span.cleanFrom : 0);
  }

  #endLeases(spans) {
    for (const span of spans) this.#endLease(span);
    this.#leases.trim();
  }

  /** Gives every warm span back: to the depot, and by its idle trimming to the system. */
  shrink() {
    this.pending++;
    this.#endLeases(this.#warm.takeAll());
    this.pending--;
  }

  /** Called by the idle timer: what was warm for a whole tick without being used goes back. */
  tick() {
    this.settleCutOff();
    if (this.window !== null) {
      if (this.#staysWarm) return false;
      this.window.idleTick();
    }
    this.#endLeases(this.#warm.takeUnneeded());
    return this.leasedBytes > 0;
  }

  close() {
    this.#closed = true;
    this.settleCutOff();
    this.shrink();
  }

  /** Counts anew, for another arena. */
  restart({ name, holdMs }) {
    this.#leases.budget.name = name;
    this.waiting.restart(holdMs);
    if (this.isGuarded) this.guarded = new Guarded();
    this.#leases.restart();
  }

  get quarantined() {
    return this.#leases.quarantined();
  }

  /** The number of spans that arenas have and nothing holds. */
  get #used() {
    return this.#leases.spans.size - this.#warm.count - this.holders.spans;
  }

  describeWaiting() {
    return waitingParts(this.stats(), this.holders);
  }

  chunks() {
    return this.#leases.chunks();
  }

  stats() {
    this.settleCutOff();
    const { bytes, heldBytes } = this.#leases;
    const inArenas = bytes - heldBytes - this.#warm.bytes;
    return memoryStats(this.#leases.stats(), inArenas, this.#adoptedBytes);
  }

  static {
    partsOf = (pool) => ({ leases: pool.#leases, warm: pool.#warm });
  }
}

module.exports = { ChunkPool, partsOf };
