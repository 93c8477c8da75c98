'use strict';

// Warm spans between the arenas of one pool (an Arena with its scopes, or all requests of a middleware) and the
// memory below. A span is the unit of life: it has an ArrayBuffer of its own, and so dies as one.
// A warm span costs an array pop, where a fresh lease costs 3 µs and its first touch a page fault a page;
// memory is called (300 ns) only to lease and to end a lease, never in a steady cycle of resets.
//
// Any call can throw where the stack ends, and vm's timeout can stop JavaScript at any call or turn of a loop. What
// belongs together is changed after the last call, so `ab` and `state` of a span are always right. Steps that take more
// are counted in `pending`; when it is not 0 at the next call, one was cut off, and settle() makes the rest right.

const { refusal } = require('../base/errors.js');
const { Guarded } = require('../base/guarded.js');
const { lazy } = require('../base/lazy.js');
const { finishScopes } = require('../base/scope.js');
const { view } = require('../base/views.js');
const idle = require('./idle.js');
const memory = require('./native.js');
const { staysWarm } = require('./options.js');
const { Holders, describeUsage, waitingParts } = require('./pool-usage.js');
const { QuarantineGc } = require('./quarantine-gc.js');
const { Refusal } = require('./refusal.js');
const { LEAVING, OPEN, SpanLeases, WAITING, WARM, isClaimed } = require('./span.js');
const { memoryStats } = require('./stats.js');
const { Waiting } = require('./waiting.js');

// The warm spans of a pool, detached from every Buffer: chunks, and pieces that were cut from chunks for checkpoints
// and scopes. Each by size class, one for each power of two: which one is taken is a look at the end of an array,
// and at a bit mask where the last one does not fit, however many there are.

const USUAL = 1024 * 1024; // bytes of the largest chunk that is not made for a single Buffer
const LAST = 31; // the class of all that have 2 GiB and more
const LOOKS = 8; // at spans of one class that may be too small or too large, before it is given up

const classOf = (size) => (size < 2 ** LAST ? LAST - Math.clz32(size) : LAST);

class SizeClass {
  spans = []; // the last used is on top
  fewest = 0; // of them since takeUnneeded(): so many were not needed

  constructor(index) {
    this.bit = 1 << index;
  }
}

const NO_CLASS = new SizeClass(0);

class SizeClasses {
  #classes = []; // made by their first span
  #mask = 0; // the bits of those that have spans
  #recent = NO_CLASS; // of the span that was put last
  bytes = 0;

  put(span) {
    const index = classOf(span.size);
    let one = this.#classes[index];
    if (one === undefined) {
      one = new SizeClass(index);
      this.#classes[index] = one;
    }
    one.spans.push(span);
    this.#mask |= one.bit;
    this.#recent = one;
    this.bytes += span.size;
  }

  /** All spans, for audits. */
  all() {
    return this.#classes.flatMap(({ spans }) => spans);
  }

  /** Of spans, over all classes: a count of its own would cost put() and take(). */
  get count() {
    return this.#classes.reduce((count, { spans }) => count + spans.length, 0);
  }

  /**
   * A span of at least `need` bytes and less than twice `fitting`: the one that was put last, if it has `want`;
   * else the last used of the largest class that has such, as far as can be seen with a few looks. Undefined
   * when there is none.
   */
  take(need, want, fitting) {
    // Hot: a request takes the span of the one before it, in 12–22 ns instead of 24–64 with put().
    const recent = this.#recent;
    const { spans } = recent;
    const left = spans.length - 1;
    if (left >= 0) {
      const span = spans[left];
      const { size } = span;
      if (size >= want && size < 2 * fitting) {
        spans.pop();
        if (left < recent.fewest) recent.fewest = left;
        if (left === 0) this.#mask ^= recent.bit;
        this.bytes -= size;
        return span;
      }
    }
    return this.#takeSlow(need, fitting);
  }

  #takeSlow(need, fitting) {
    const limit = 2 * fitting;
    const most = classOf(limit - 1);
    const least = classOf(need);
    let mask = this.#mask & (0xffffffff >>> (LAST - most));
    while (mask !== 0) {
      const index = LAST - Math.clz32(mask);
      if (index < least) return undefined;
      const { spans } = this.#classes[index];
      const stop = Math.max(spans.length - LOOKS, 0);
      for (let i = spans.length - 1; i >= stop; i--) {
        const { size } = spans[i];
        if (size >= need && size < limit) return this.#remove(index, i);
      }
      mask ^= 1 << index;
    }
    return undefined;
  }

  /** A span of the largest class; undefined when there is none. */
  takeLargest() {
    return this.#mask === 0 ? undefined : this.#remove(LAST - Math.clz32(this.#mask), 0);
  }

  #remove(index, i) {
    const one = this.#classes[index];
    const { spans } = one;
    const last = spans.pop();
    const span = i === spans.length ? last : spans[i];
    if (span !== last) {
      spans.copyWithin(i, i + 1);
      spans[spans.length - 1] = last;
    }
    if (spans.length === 0) this.#mask ^= one.bit;
    if (spans.length < one.fewest) one.fewest = spans.length;
    this.bytes -= span.size;
    return span;
  }

  /** Takes the spans of each class that were not needed since this was called last: the longest unused. */
  takeUnneeded() {
    const unneeded = [];
    this.#classes.forEach((one, index) => {
      for (let count = one.fewest; count > 0; count--) unneeded.push(this.#remove(index, 0));
      one.fewest = one.spans.length;
    });
    return unneeded;
  }

  takeAll() {
    const all = this.all();
    this.#classes = [];
    this.#mask = 0;
    this.#recent = NO_CLASS;
    this.bytes = 0;
    return all;
  }
}

const NO_SPANS = new SizeClasses(); // of all pools that never had a warm span of a kind: there can be many

class WarmSpans {
  #chunks = NO_SPANS;
  #pieces = NO_SPANS;

  get bytes() {
    return this.#chunks.bytes + this.#pieces.bytes;
  }

  get chunkBytes() {
    return this.#chunks.bytes;
  }

  get count() {
    return this.#chunks.count + this.#pieces.count;
  }

  all() {
    return [...this.#chunks.all(), ...this.#pieces.all()];
  }

  put(span) {
    if (span.isChunk) {
      if (this.#chunks === NO_SPANS) this.#chunks = new SizeClasses();
      this.#chunks.put(span);
    } else {
      if (this.#pieces === NO_SPANS) this.#pieces = new SizeClasses();
      this.#pieces.put(span);
    }
  }

  /**
   * Of chunks the one put last, which is the largest of an arena's epoch; else the largest that is a usual one, so
   * that the next epoch has fewer windows. Pieces are many at a time: each about as large as is wanted, and none
   * that another one needs.
   */
  take(need, want, isChunk) {
    const least = Math.max(need, want);
    return isChunk
      ? this.#chunks.take(need, least, Math.max(least, USUAL))
      : this.#pieces.take(need, least, least);
  }

  /** The same of the other kind, of at most about `fitting` bytes. */
  takeOther(need, fitting, isChunk) {
    return (isChunk ? this.#pieces : this.#chunks).take(need, need, fitting);
  }

  /** The largest, chunks first: at least `bytes` in all, if there are so many. */
  takeLargest(bytes) {
    const evicted = [];
    for (let left = bytes; left > 0; left -= evicted.at(-1).size) {
      const span = this.#chunks.takeLargest() ?? this.#pieces.takeLargest();
      if (span === undefined) break;
      evicted.push(span);
    }
    return evicted;
  }

  /** Other shapes are wanted: the largest go back, by end(), until ask() has `need` bytes, or none are left. What it gave last. */
  evictUntil(need, ask, end) {
    for (let bytes = need; ; bytes *= 2) {
      const evicted = this.takeLargest(bytes);
      end(evicted);
      const result = ask();
      if (result.kind !== 'limit' || evicted.length === 0) return result;
    }
  }

  takeUnneeded() {
    return [...this.#chunks.takeUnneeded(), ...this.#pieces.takeUnneeded()];
  }

  takeAll() {
    return [...this.#chunks.takeAll(), ...this.#pieces.takeAll()];
  }
}

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
    this.isGuarded = options.guard; // see lib/node/guard
    this.name = about.name;
    this.waiting = new Waiting(this, options.holdMs);
    this.#isWorthKeeping = keeps;
    this.#gc = new QuarantineGc(collectsFrom, memory.backend === 'js');
    this.#staysWarm = staysWarm(asked);
    this.#leases = new SpanLeases(about, maxBytes, chunkSize, mayWipe, asked);
    this.#asked = asked;
    this.#leases.probe(asked);
    this.#policy = { safety, wipe };
    this.#join(options.budget);
  }

  /** What others wait for is not kept warm. */
  #join(makeShare) {
    if (makeShare === null) return;
    this.#leases.join(makeShare, this);
    const isWorthKeeping = this.#isWorthKeeping;
    const { share } = this.#leases.budget;
    this.#isWorthKeeping = (span, pool) => !share.isWanted && isWorthKeeping(span, pool);
  }

  // Of all spans here and in arenas: what V8 counts as external memory.
  get leasedBytes() {
    return this.#leases.bytes;
  }

  /**
   * A span of at least `need` and preferably `want` bytes; `isChunk`: as a chunk of its own. Or the Refusal, with
   * ERR_RALLOC_LIMIT or ERR_RALLOC_MAP, and nothing is changed: the caller throws its error, for each function that one is thrown through
   * makes it 2 to 3 µs dearer. The caller opens the span, and with that ends the step: `pending--`.
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
    if (!this.#staysWarm || this.#leases.budget.share !== null) idle.watch(this);
    return span;
  }

  /** A span for `ab`, which is none of this memory, or a Refusal, as acquire() has them. */
  adopt(ab, size, policy) {
    this.adopted ??= new (adoptedSpans().AdoptedSpans)(this, this.#leases.budget);
    return this.#granted(size, () => this.adopted.add(ab, size, policy));
  }

  /** What ask() gives, which has begun a step with it, or a Refusal. At the limit what `other` gives, or what is warm makes room. */
  #granted(need, ask, other) {
    let result = ask();
    if (result.share?.makeRoom(need)) result = ask();
    // Warm memory goes only if that can help: a size that never fits must not take it from others.
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
    if (result.share !== undefined) return new Refusal(result.share.refusal(result.need));
    const usage = describeUsage(stats, this.holders, this.#used);
    const { about } = this.#leases.budget;
    return new Refusal(() => refusal(result, about, need, { asked: this.#asked, usage }));
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
    this.#leases.measure(!this.#closed);
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

  /** It waits from here on. */
  hold(span) {
    if (span.adopted === null) this.#leases.hold(span);
    else span.state = WAITING;
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
    const isLive = !this.#closed;
    if (this.window !== null) {
      if (this.#staysWarm) return this.#leases.measure(isLive);
      this.window.idleTick();
    }
    this.#endLeases(this.#warm.takeUnneeded());
    const isShared = this.#leases.measure(isLive);
    return isShared || this.leasedBytes > 0;
  }

  /** Under pressure: what nobody uses goes back, but for what was reserved. */
  giveBack() {
    if (this.#staysWarm) return;
    this.settleCutOff();
    this.window?.giveWay();
    this.shrink();
  }

  close() {
    this.#closed = true;
    this.settleCutOff();
    this.shrink();
    if (this.#leases.measure(false)) idle.watch(this);
  }

  /** Counts anew, for another arena. */
  restart({ name, holdMs }) {
    this.name = name;
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

  /** Adds to `sums` what stats() has without a call of memory, but for the quarantine: there can be many pools. */
  addTo(sums) {
    this.settleCutOff();
    const { bytes, heldBytes, budget } = this.#leases;
    const warm = this.#warm.bytes;
    if (budget.share === null) sums.limit += budget.limit;
    sums.leased += bytes - heldBytes - warm;
    sums.warm += warm;
    sums.held += heldBytes;
    sums.adopted += this.#adoptedBytes;
    if (!this.mayHaveQuarantined) return;
    const { quarantined } = this;
    sums.quarantined += quarantined;
    if (quarantined === 0) this.mayHaveQuarantined = false;
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

module.exports = { WarmSpans, ChunkPool, partsOf };
