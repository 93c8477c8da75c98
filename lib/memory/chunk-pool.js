'use strict';

// ChunkPool: the spans of one pool (an Arena with its scopes, or all requests of a middleware). It
// leases them from LeasedArena, in the binary or the fallback, and keeps warm what arenas give
// back. A span is the unit of life: it has an ArrayBuffer of its own, and so dies as one. A warm
// span costs an array pop, where a fresh lease costs 3 µs and its first touch a page fault a page;
// LeasedArena is called (300 ns) only to lease and to end a lease, never in a steady cycle of
// resets.
//
// Any call can throw where the stack ends, and vm's timeout can stop JavaScript at any call or turn
// of a loop. What belongs together is changed after the last call, so `ab` and `state` of a span
// are always right. What takes more calls sets `isBusy` first and clears it last. A call that finds
// it set knows that one before it was cut off, and drops what that may have left half done: all
// spans but the warm ones go to quarantine. The flag is never set while code of the program runs.

const { refusal } = require('../base/errors.js');
const { Guarded } = require('../base/guarded.js');
const { nextTurn } = require('../base/time.js');
const { view } = require('../base/views.js');
const { warnOnce } = require('../base/warnings.js');
const { AdoptedSpans } = require('./adopted-spans.js');
const idle = require('./idle.js');
const memory = require('./native.js');
const { staysWarm } = require('./options.js');
const { Holders, describeUsage, waitingParts } = require('./pool-usage.js');
const { QuarantineGc } = require('./quarantine-gc.js');
const { Refusal } = require('./refusal.js');
const { OPEN, SpanLeases, WAITING, WARM, isClaimed } = require('./span.js');
const { memoryStats } = require('./stats.js');
const { Waiting } = require('./waiting.js');

const USUAL = 1024 * 1024; // bytes of the largest chunk that is not made for a single Buffer
const LEAST = 64 * 1024; // a smaller span does not serve for a chunk of that size or more: it would take many
const LAST = 31; // the class of spans of 2 GiB and more
const LOOKS = 8; // how many spans of a class, which may be too small or too large, are tried

const classOf = (size) => (size < 2 ** LAST ? LAST - Math.clz32(size) : LAST);

class SizeClass {
  spans = []; // the most recently used last
  fewest = 0; // the least number of spans since takeUnneeded(): that many were not needed
}

const NO_CLASS = new SizeClass();

/**
 * The warm spans of a pool, detached from every Buffer: chunks, and pieces that were cut from
 * chunks for checkpoints and scopes, by size class, one for each power of two. To find a span takes
 * a look at the end of an array, and at a few more if that span does not fit, whatever their
 * number.
 */
class WarmSpans {
  #classes = []; // each is created by its first span
  #recent = NO_CLASS; // the class of the span that was put last
  bytes = 0;

  put(span) {
    const index = classOf(span.size);
    this.#classes[index] ??= new SizeClass();
    const one = this.#classes[index];
    one.spans.push(span);
    this.#recent = one;
    this.bytes += span.size;
  }

  all() {
    return this.#classes.flatMap(({ spans }) => spans);
  }

  /** The number of spans. Computed, because a counter would slow put() and take() down. */
  get count() {
    return this.#classes.reduce((count, { spans }) => count + spans.length, 0);
  }

  /**
   * Returns a span of at least `need` bytes: the one that was put last, if it has `want` bytes. If
   * not, for a chunk the largest of up to USUAL bytes, so that the next epoch has fewer windows.
   * For a piece one of about the wanted size, because many are in use at a time and a larger one
   * may be needed elsewhere. Tries only a few spans of each class, and returns undefined if none
   * fits.
   */
  take(need, want, isChunk) {
    // Hot: a request takes the span of the one before it, in 12-22 ns instead of 24-64 with put().
    // Its comparisons are those with `least` and `fitting` below; Math.max() would take 40
    // instructions more.
    const recent = this.#recent;
    const { spans } = recent;
    const left = spans.length - 1;
    if (left >= 0) {
      const span = spans[left];
      const { size } = span;
      const isUsual = isChunk && size < 2 * USUAL;
      if (size >= need && size >= want && (isUsual || size < 2 * need || size < 2 * want)) {
        spans.pop();
        if (left < recent.fewest) recent.fewest = left;
        this.bytes -= size;
        return span;
      }
    }
    const least = Math.max(need, want);
    const fitting = isChunk ? Math.max(least, USUAL) : least;
    return this.takeFitting(isChunk && least >= LEAST ? Math.max(need, LEAST) : need, fitting);
  }

  /** Takes a span of at least `need` bytes and less than twice `fitting`, of the largest class. */
  takeFitting(need, fitting) {
    const limit = 2 * fitting;
    const least = classOf(need);
    for (let index = classOf(limit - 1); index >= least; index--) {
      const { spans } = this.#classes[index] ?? NO_CLASS;
      const stop = Math.max(spans.length - LOOKS, 0);
      for (let i = spans.length - 1; i >= stop; i--) {
        const { size } = spans[i];
        if (size >= need && size < limit) return this.#remove(index, i);
      }
    }
    return undefined;
  }

  /** Takes the largest spans: at least `bytes` in all, or everything. */
  takeLargest(bytes) {
    const evicted = [];
    for (let left = bytes; left > 0 && this.bytes > 0; left -= evicted.at(-1).size) {
      const largest = this.#classes.findLastIndex((one) => one?.spans.length > 0);
      evicted.push(this.#remove(largest, 0));
    }
    return evicted;
  }

  #remove(index, i) {
    const one = this.#classes[index];
    const { spans } = one;
    const [span] = spans.splice(i, 1);
    if (spans.length < one.fewest) one.fewest = spans.length;
    this.bytes -= span.size;
    return span;
  }

  /**
   * Takes from each class the spans that were not needed since the last call: the longest unused
   * ones.
   */
  takeUnneeded() {
    const unneeded = [];
    this.#classes.forEach((one, index) => {
      for (let count = one.fewest; count > 0; count--) unneeded.push(this.#remove(index, 0));
      one.fewest = one.spans.length;
    });
    return unneeded;
  }
}

const { POSITIVE_INFINITY } = Number;
const ANY = {
  least: 0,
  most: POSITIVE_INFINITY,
  leased: POSITIVE_INFINITY,
  keeps: () => true,
};

/** What a charge of heap bytes is granted by, which has no span. */
const CHARGED = {};

const tellInterrupted = (name) => warnOnce('RALLOC_INTERRUPTED', name);

/** The private lists of a pool: `{ leases, warm }`, for audit.js. */
let partsOf;

class ChunkPool {
  #leases;
  isBusy = false; // a call is changing spans, or was cut off there
  interrupted = 0; // how often a call was
  unfinished = null; // ends of scopes that the stack had no room for: the next scope ends them (base/scope.js)
  #warm = new WarmSpans();
  #asked; // the options `memory`
  #policy; // { safety, wipe } of spans that no arena has; each arena has its own
  #mayWipe; // whether an arena may have `wipe`
  #closed = false;
  mayHaveQuarantined = false; // set when something goes to quarantine; a reader of `quarantined` may clear it

  watched = false; // by idle.js
  guarded = new Guarded();
  adopted = null; // AdoptedSpans, from the first one on
  holders = new Holders();
  window = null; // the window of the pool's arena; tick() and giveBack() ask it for its span

  #heapBytes = 0; // of heap Buffers
  #sizes;
  #staysWarm;
  #gc;

  /**
   * The owners have checked the options. `about`: how errors name the budget `maxBytes`;
   * `sizes`: which returned spans are worth keeping warm: those of `least` to `most` bytes while
   * at most `leased` bytes are leased in all, and others if keeps(span, leasedBytes) says so;
   * `collectsFrom`: bytes in quarantine from which a collection is requested;
   * `mayWipe`: whether arenas may ask for `wipe`. Throws ERR_RALLOC_UNSUPPORTED or ERR_RALLOC_MAP
   * if the system refuses the options `memory`.
   */
  constructor(options) {
    const { about, maxBytes, chunkSize, safety, wipe, memory: asked } = options;
    const { mayWipe = wipe, sizes = ANY, collectsFrom = POSITIVE_INFINITY } = options;
    this.isGuarded = options.guard; // see lib/node/guard
    this.name = about.name;
    this.waiting = new Waiting(this, options.holdMs);
    this.#sizes = sizes;
    this.#gc = new QuarantineGc(collectsFrom, memory.backend === 'js');
    this.#staysWarm = staysWarm(asked);
    this.#leases = new SpanLeases(about, maxBytes, chunkSize, mayWipe, asked);
    this.#asked = asked;
    this.#policy = { safety, wipe };
    this.#mayWipe = mayWipe;
    this.#leases.join(options.budget, this);
  }

  /** Whether a span is kept warm. Memory that other users of the budget wait for is not. */
  #keeps(span) {
    if (this.#leases.budget.share?.isWanted === true) return false;
    const { size } = span;
    const { leasedBytes } = this;
    const sizes = this.#sizes;
    if (size >= sizes.least && size <= sizes.most && leasedBytes <= sizes.leased) return true;
    return sizes.keeps(span, leasedBytes);
  }

  // Bytes of all spans, here and in arenas. V8 counts them as external memory.
  get leasedBytes() {
    return this.#leases.bytes;
  }

  /**
   * Returns a span of at least `need` and preferably `want` bytes (`isChunk`: a chunk of its own),
   * or a Refusal with ERR_RALLOC_LIMIT or ERR_RALLOC_MAP, and then has changed nothing. The caller
   * throws the Refusal's error: each function that an error is thrown through costs 2 to 3 µs. It
   * also opens the span, and then clears `isBusy`.
   */
  acquire(need, want, isChunk, policy) {
    this.begin();
    let span = this.#warm.take(need, want, isChunk);
    while (span !== undefined && !this.#suits(span, policy)) {
      span = this.#warm.take(need, want, isChunk);
    }
    if (span !== undefined) return span;
    this.isBusy = false;
    return this.#lease(need, want, isChunk, policy);
  }

  /**
   * Whether a warm span can serve. If 'recycle' left Buffers alive over it, it may have been
   * transferred away, and only 'recycle' takes it as it is.
   */
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
      // If memory that goes back cannot be had at once in another size, any size will do.
      const fitting = this.#staysWarm ? Number.MAX_SAFE_INTEGER : Math.max(need, want);
      const span = this.#warm.takeFitting(need, fitting);
      return span !== undefined && this.#suits(span, policy) ? span : undefined;
    };
    const ask = () => this.#leases.lease(need, want, isChunk, this, policy);
    const span = this.#granted(need, ask, other);
    if (!this.#staysWarm || this.#leases.budget.share !== null) idle.watch(this);
    return span;
  }

  /** Returns a span for `ab`, which is not of this memory, or a Refusal, as acquire() does. */
  adopt(ab, size, policy) {
    this.adopted ??= new AdoptedSpans(this, this.#leases.budget);
    return this.#granted(size, () => this.adopted.add(ab, size, policy));
  }

  /**
   * Returns the span of ask(), with `isBusy` set, or a Refusal. At the limit, tries other() and
   * then gives warm memory back.
   */
  #granted(need, ask, other) {
    let result = ask();
    if (result.share?.makeRoom(need)) result = ask();
    // Warm memory goes only if that can help: a size that never fits must not take it from others.
    const room = result.limit - this.#adoptedBytes - need;
    const warm = this.#warm.bytes;
    if (result.kind === 'limit' && warm > 0 && this.#leases.mayLeave(room, warm)) {
      this.begin();
      const span = other?.();
      if (span !== undefined) return span;
      this.isBusy = false;
      for (let bytes = need; result.kind === 'limit' && this.#warm.bytes > 0; bytes *= 2) {
        this.begin();
        this.#endLeases(this.#warm.takeLargest(bytes));
        this.isBusy = false;
        result = ask();
      }
    }
    if (result.kind === undefined) return result;
    const stats = this.stats();
    if (stats.quarantined > 0) this.collect();
    if (result.share !== undefined) return new Refusal(result.share.refusal(result.need));
    const used = this.#leases.spans.size - this.#warm.count - this.holders.spans;
    const usage = describeUsage(stats, this.holders, used);
    const { about } = this.#leases.budget;
    return new Refusal(() => refusal(result, about, need, { asked: this.#asked, usage }));
  }

  /**
   * Charges bytes of the heap, which its arena has in the place of a span. Returns null, or a
   * Refusal and then charges nothing.
   */
  chargeHeap(bytes) {
    const { budget } = this.#leases;
    const granted = this.#granted(bytes, () => budget.charge(bytes) ?? CHARGED);
    if (granted !== CHARGED) return granted;
    this.#heapBytes += bytes;
    budget.measured();
    return null;
  }

  dischargeHeap(bytes) {
    this.#leases.budget.discharge(bytes);
    this.#heapBytes -= bytes;
    this.#leases.budget.measured();
  }

  /** Bytes that are not in spans of this memory. */
  get #adoptedBytes() {
    return this.#heapBytes + (this.adopted?.bytes ?? 0);
  }

  /** Call it before the lists or counts are used: if a call was cut off, they are made anew. */
  check() {
    if (this.isBusy) this.#abandon();
  }

  begin() {
    if (this.isBusy) this.#abandon();
    this.isBusy = true;
  }

  /**
   * Leaves everything to V8 that the interrupted call may have left half done, which is all that is
   * not warm. Nobody can say whose call it was, so this includes the spans of others: their Buffers
   * keep their bytes, and they go on in fresh spans. Repeated if it is interrupted too.
   */
  #abandon() {
    for (const span of this.#leases.spans) {
      if (span.ab === null) this.#leases.spans.delete(span);
      else if (span.state !== WARM) this.#lose(span);
    }
    this.adopted?.abandon();
    this.waiting.abandon();
    this.#warm = new WarmSpans();
    for (const span of this.#leases.spans) this.#warm.put(span);
    this.holders = new Holders();
    this.#leases.measure(!this.#closed);
    nextTurn(tellInterrupted, this.name);
    this.interrupted++; // no call from here on
    this.isBusy = false;
  }

  #lose(span) {
    span.lose();
    this.quarantine(span, this.#mayWipe, span.size);
  }

  /**
   * Takes a span back from an arena that handed out its first `span.used` bytes, or after its last
   * claim. A span that operations or `claims` still claim waits until they end. Afterwards the
   * Buffers over it are dead (safety 'detach'), keep their bytes ('gc'), or show the next user's
   * bytes ('recycle').
   */
  release(span, policy, claims = null) {
    if (span.ab === null) return this.adopted?.release(span, policy, claims);
    if (isClaimed(span, claims)) return this.waiting.add(span, policy, claims);
    if (span.state === WAITING) this.#leases.unhold(span);
    if (this.detachAndReuse(span, policy)) {
      span.rest();
      if (this.#closed) this.#endLease(span);
      else if (this.#keeps(span)) this.#warm.put(span);
      else this.#endLease(span);
    }
  }

  /** Takes back one of an epoch's `spans` of which nothing was handed out. */
  takeBack(span, spans, policy) {
    const index = spans.indexOf(span);
    this.begin();
    if (span.state === OPEN) {
      spans.splice(index, 1); // no call until it is released
      span.rest();
      this.release(span, policy);
    }
    this.isBusy = false;
  }

  /**
   * Begins a span's next epoch in place: detaches its Buffers, and it is as if nothing had been
   * handed out. Returns false if the span is lost: stolen, or left to the garbage collector because
   * safety is 'gc', it cannot be detached, or it was handed out without a guard (in 'gc'), so that
   * operations of Node could not claim it.
   */
  detachAndReuse(span, { safety, wipe }) {
    const { ab, used } = span;
    const waits = used > 0 && (safety === 'gc' || (this.isGuarded && span.guard === undefined));
    if (waits || ab.byteLength === 0) {
      this.quarantine(span, wipe);
      return false;
    }
    if (used === 0) return true;
    if (wipe) view(ab, 0, used, true);
    span.stain(used);
    if (safety !== 'recycle' && !this.#leases.renew(span)) {
      this.quarantine(span, wipe);
      return false;
    }
    span.reuse(safety === 'recycle');
    return true;
  }

  /**
   * Leaves a span attached to its Buffers. Its memory comes back when V8 has collected them all.
   * `dirty`: so many bytes may have been written to.
   */
  quarantine(span, wipe = this.#policy.wipe, dirty = Math.max(span.used, span.cleanFrom)) {
    if (span.ab === null) return this.adopted?.drop(span);
    if (span.ab.byteLength === 0) return this.retireStolen(span);
    this.mayHaveQuarantined = true;
    idle.watchDepot();
    this.#leases.end('quarantine', span, wipe ? dirty : 0);
    this.#gc.entered(span.size, this);
  }

  collect() {
    this.#gc.ask(this.quarantined);
  }

  /** A transfer list or a byte stream took the ArrayBuffer: its memory is never used again. */
  retireStolen(span) {
    if (span.ab !== null) this.#leases.end('steal', span, span.used);
  }

  /** The span waits from now on. */
  hold(span) {
    if (span.adopted === null) this.#leases.hold(span);
    else span.giveUp();
  }

  #endLease(span) {
    idle.watchDepot();
    // Operations on Buffers that `recycle` left alive. These Buffers die here, because any arena
    // can be the next user.
    if (span.operations > 0) return this.waiting.add(span, this.#policy, null);
    const isLost = span.isSeen && !this.#leases.renew(span);
    if (isLost || span.ab.byteLength === 0) this.quarantine(span);
    else this.#leases.end('release', span, this.#policy.wipe ? span.cleanFrom : 0);
  }

  #endLeases(spans) {
    for (const span of spans) this.#endLease(span);
    this.#leases.trim();
  }

  /** Gives every warm span back to the depot, whose idle trimming returns it to the system. */
  shrink() {
    this.begin();
    const warm = this.#warm.all();
    this.#warm = new WarmSpans();
    this.#endLeases(warm);
    this.isBusy = false;
  }

  /** Called by the idle timer: returns the spans that stayed warm and unused for a whole tick. */
  tick() {
    this.check();
    const isLive = !this.#closed;
    if (this.window !== null) {
      if (this.#staysWarm) return this.#leases.measure(isLive);
      this.window.idleTick();
    }
    this.begin();
    this.#endLeases(this.#warm.takeUnneeded());
    this.isBusy = false;
    const isShared = this.#leases.measure(isLive);
    return isShared || this.leasedBytes > 0;
  }

  /** Called under pressure: gives back everything unused, except reserved memory. */
  giveBack() {
    if (this.#staysWarm) return;
    this.window?.giveWay();
    this.shrink();
  }

  close() {
    this.#closed = true;
    this.shrink();
    if (this.#leases.measure(false)) idle.watch(this);
  }

  /** Resets the counters, for another arena. */
  restart({ name, holdMs }) {
    this.name = name;
    this.#leases.budget.rename(name);
    this.waiting.restart(holdMs);
    this.interrupted = 0;
    if (this.isGuarded) this.guarded = new Guarded();
    this.#leases.restart();
  }

  /** The windows that have memory, and the chunks of regions. */
  homes() {
    const spans = [...this.#leases.spans, ...(this.adopted?.all() ?? [])];
    return new Set(spans.filter(({ state }) => state === OPEN).map(({ home }) => home));
  }

  get quarantined() {
    return this.#leases.quarantined();
  }

  describeWaiting() {
    return waitingParts(this.stats(), this.holders);
  }

  chunks() {
    return this.#leases.chunks();
  }

  /**
   * Adds the pool's figures to `sums`, with at most one native call (for the quarantine), because
   * there can be many pools.
   */
  addTo(sums) {
    this.check();
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
    this.check();
    const { bytes, heldBytes } = this.#leases;
    const inArenas = bytes - heldBytes - this.#warm.bytes;
    return memoryStats(this.#leases.stats(), inArenas, this.#adoptedBytes);
  }

  static {
    partsOf = (pool) => ({ leases: pool.#leases, warm: pool.#warm });
  }
}

module.exports = { WarmSpans, ChunkPool, partsOf };
