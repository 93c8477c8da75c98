'use strict';

const { constants } = require('node:buffer');
const { deadUse } = require('../base/dead.js');
const { RallocError, refusal } = require('../base/errors.js');
const { observing } = require('../base/observer.js');
const { kHolder, kMemory } = require('../base/protocol.js');
const { hasTransfer } = require('../base/runtime.js');
const { MeasuredBudget } = require('./measured-budget.js');
const memory = require('./native.js');
const { leastOf } = require('./options.js');
const { Holders } = require('./pool-usage.js');
const { Refusal } = require('./refusal.js');

const isOpen = ({ count }) => count > 0;

/** Those of `claims` (null: none) with unreleased holds. */
const openOf = (claims) => (claims ?? []).filter(isOpen);

/** Whether a span may not be used again yet. */
const isClaimed = (span, claims) => span.operations > 0 || claims?.some(isOpen) === true;

/** What operations of Node find on an ArrayBuffer of a span (kHolder), and later how it died. */
class SpanGuard {
  #span;
  death = 'transferred'; // until it is said: a key of `deaths` in base/errors.js

  constructor(span) {
    this.#span = span;
  }

  take(view, kind, consumer) {
    if (view.byteLength === 0 && view.buffer.byteLength === 0)
      throw deadUse(view, undefined, this.death, kind, consumer);
    return this.#span.take(view, kind);
  }
}

// The states of a span say whose its bytes are. Each step is at most one native call, and the stores right after it. The store that lets the bytes be used again comes last.
const RAW = 0; // leased: `ab` is not here yet, or the one that memory gave, which nobody may see. → WARM, ENDED
const WARM = 1; // the pool's, also while it goes to an arena. → OPEN, WAITING, ENDED
const OPEN = 2; // of `home`: an epoch, or a region's chunk. → WARM, WAITING, ENDED
const WAITING = 3; // given up, and claimed: no byte changes. → LEAVING, ENDED
const LEAVING = 4; // nobody claims it any more; what its end is by `policy` is under way. → WARM, WAITING, ENDED
const ENDED = 5; // Rust's alone, or V8's

/** One ArrayBuffer over bytes that no other live ArrayBuffer of ralloc covers. */
class Span {
  #done; // made for the first operation: one for all, so that a stream sees the same callback for every write

  constructor(isChunk, pool) {
    this.ab = null; // until it is leased, and once the lease has ended
    this.adopted = null; // an ArrayBuffer that is not of the memory below, and then has no lease: see AdoptedSpans
    this.state = RAW;
    this.home = null; // whose it is, in OPEN
    this.size = 0;
    this.id = 0; // with `epoch` what the memory below knows the lease by
    this.epoch = 0; // not an Epoch: this lease's number
    this.cleanFrom = 0; // bytes from here on were never handed out and are zero
    this.isChunk = isChunk; // a chunk of its own, or cut from one for a checkpoint or scope
    this.used = 0; // bytes handed out in this epoch of its arena, while another window is open
    this.end = 0; // bytes that may be handed out: size, or less at a request's limit
    this.pool = pool;
    this.guard = undefined; // of its ArrayBuffer, where the pool is guarded
    this.isSole = false; // adopted for one Buffer, and at its end detached: nothing else is ever over that memory
    this.isSeen = false; // by Buffers that 'recycle' left alive
    this.policy = undefined; // { safety, wipe }, while it waits, and leaves
    this.claims = null; // Holds that it waits for
    this.death = 'reset'; // what ends it: said by its epoch
    this.operations = 0; // of Node that were given Buffers of it and are not over: while there are any it is not reset
  }

  /** An operation begins that uses `view`, of this span, after it returned: see kHolder in base/protocol.js. */
  take(view, kind) {
    this.#done ??= () => this.#end();
    this.pool.guarded.count(kind, view.byteLength);
    this.operations++; // no call from here on
    if (this.state === WAITING && this.adopted === null) this.pool.holders.operations++;
    return this.#done;
  }

  #end() {
    if (this.operations === 0) return; // called twice
    const { pool } = this;
    this.operations--;
    if (this.state === WAITING && this.adopted === null) pool.holders.operations--;
    if (this.operations > 0 || this.state !== WAITING) return;
    pool.pending++; // from here on the pool's next call finishes what is cut off
    pool.waiting.settle([this]);
  }
}

// The spans that a pool has leased from the memory below. Whatever cuts a call off, each span here is leased there and
// the other way round: what memory answers is noted by assignments alone, where no call can throw.

const LONGEST = constants.MAX_LENGTH; // of a Buffer: 4 GiB on Node 20, beyond all memory later
const transfers = hasTransfer && memory.backend === 'native'; // elsewhere detaching takes a call
const registers = new Float64Array(15); // what memory answers with: read at once, so one is enough

const tooLong = (size) =>
  `A Buffer of ${size} bytes is longer than this runtime allows, which is ${LONGEST} bytes`;

class SpanLeases {
  #memory;
  spans = new Set(); // all that are leased, and some that were
  bytes = 0; // of those that are
  chunkBytes = 0; // of those that are a chunk of their own
  heldBytes = 0;
  budget; // all that is leased, and what is charged beside it

  /** `about`: of the budget; `mayWipe`: whether what end() calls dirty is zeroed. */
  constructor(about, maxBytes, chunkSize, mayWipe, asked) {
    this.#memory = new memory.LeasedArena(maxBytes, chunkSize, mayWipe, asked);
    this.budget = new MeasuredBudget(about, maxBytes, this.#memory);
  }

  /** A new span for an arena of this `safety`, or a failure, or a Refusal. With a span a step of `pool` has begun. */
  lease(need, want, isChunk, pool, { safety }) {
    const span = new Span(isChunk, pool);
    const most = Math.max(need, Math.min(want, LONGEST / 2));
    this.budget.prepare();
    this.spans.add(span);
    let ab;
    try {
      ab = this.#memory.lease(need, most, isChunk, registers);
    } catch (error) {
      pool.pending++; // so that the span is swept
      if (error?.code === undefined) throw error; // the stack ends here
      this.spans.delete(span);
      pool.pending--;
      // The runtime refused an external ArrayBuffer.
      const why = need > LONGEST ? tooLong(need) : error.message;
      return new Refusal(() => new RallocError(error.code, why));
    }
    if (ab === null || ab.kind !== undefined) {
      this.spans.delete(span);
      return ab ?? this.budget.failureOf(need);
    }
    pool.pending++;
    span.ab = ab;
    span.id = registers[0];
    span.epoch = registers[1];
    span.cleanFrom = registers[2];
    if (this.budget.share !== null) this.budget.measured();
    this.#show(span, pool.isGuarded && safety !== 'gc');
    return span;
  }

  /** `share`: creates the share of the option `budget`, or null. `owner` is asked to give back warm memory when others need it. */
  join(share, owner) {
    if (share !== null) this.budget.share = share(owner);
  }

  /** Adjusts the share to what is used. If its owner is no longer live, the share ends with the last byte. Returns whether there is one. */
  measure(isLive) {
    const { budget } = this;
    if (budget.share === null) return false;
    if (budget.measured() > 0 || isLive) return true;
    budget.share.release();
    budget.share = null;
    return false;
  }

  /**
   * Node detaches what Node-API made when it exits, and on 24 and 26 aborts over one that was marked as
   * untransferable. So nobody gets to see that one: its memory moves on at once (100 ns).
   */
  #show(span, marks) {
    const size = span.ab.byteLength; // by a call
    const guard = marks ? new SpanGuard(span) : undefined;
    const shown = transfers ? span.ab.transfer() : span.ab;
    // The fallback's may have been another pool's.
    if (guard !== undefined || shown[kHolder] !== undefined) shown[kHolder] = guard;
    if (guard === undefined) shown[kMemory] = true;
    span.guard = guard;
    span.ab = shown;
    span.size = size;
    span.state = WARM;
    this.bytes += size;
    if (span.isChunk) this.chunkBytes += size;
  }

  /** Drops what is leased no more, and completes what was leased by a call that was cut off. */
  sweep() {
    for (const span of this.spans) {
      if (span.ab === null) this.spans.delete(span);
      else if (span.state === RAW) this.#show(span, span.pool.isGuarded);
    }
  }

  /** Counts anew, after a call that was cut off. Returns what held spans wait for, which is the pool's. */
  recount() {
    const { bytes, chunkBytes, heldBytes, holders, claims } = this.sums();
    for (const holds of claims) holds.countIn(holders);
    this.bytes = bytes;
    this.chunkBytes = chunkBytes;
    this.heldBytes = heldBytes;
    return holders;
  }

  /** What the counters should be, by the spans. `claims`: Holds that held spans wait for. */
  sums() {
    const sums = {
      count: 0,
      bytes: 0,
      chunkBytes: 0,
      heldBytes: 0,
      holders: new Holders(),
      claims: new Set(),
    };
    for (const { ab, size, isChunk, state, operations, claims } of this.spans) {
      if (ab === null) continue;
      sums.count++;
      sums.bytes += size;
      if (isChunk) sums.chunkBytes += size;
      if (state !== WAITING) continue;
      sums.heldBytes += size;
      sums.holders.spans++;
      sums.holders.operations += operations;
      for (const holds of openOf(claims)) sums.claims.add(holds);
    }
    return sums;
  }

  /** From here on operations of Node hold the span, of which nothing is handed out. */
  mark(span) {
    span.guard = new SpanGuard(span);
    span.ab[kHolder] = span.guard;
  }

  /** Ends a lease: how = release, quarantine or steal. */
  end(how, span, dirty) {
    this.#memory[how](span.id, span.epoch, dirty, span.ab);
    span.ab = null;
    this.bytes -= span.size;
    if (span.isChunk) this.chunkBytes -= span.size;
    if (span.state === WAITING) {
      this.heldBytes -= span.size;
      span.pool.holders.spans--;
      span.pool.holders.operations -= span.operations;
    }
    span.state = ENDED;
    this.spans.delete(span);
    if (this.budget.share !== null) this.budget.measured();
  }

  /** Detaches the span's ArrayBuffer, for another over the same bytes. False where nobody can detach it. */
  renew(span) {
    const { ab, guard: ended } = span;
    const guard = ended === undefined ? undefined : new SpanGuard(span);
    let renewed;
    try {
      renewed = transfers ? ab.transfer() : this.#memory.renew(span.id, span.epoch, ab);
    } catch (error) {
      if (error instanceof RangeError) throw error; // the stack ends here
      return false; // worker_threads.markAsUntransferable(buf.buffer)
    }
    if (guard !== undefined) {
      renewed[kHolder] = guard;
      ended.death = span.death;
      span.guard = guard;
    } else renewed[kMemory] = true; // 3 to 10 ns
    span.ab = renewed;
    span.isSeen = false;
    return true;
  }

  hold(span) {
    this.#memory.hold(span.id, span.epoch);
    span.state = WAITING;
    this.heldBytes += span.size;
    span.pool.holders.spans++;
    span.pool.holders.operations += span.operations;
  }

  unhold(span) {
    observing.observer?.gone(span);
    this.#memory.unhold(span.id, span.epoch);
    span.state = LEAVING;
    this.heldBytes -= span.size;
    span.pool.holders.spans--;
    span.pool.holders.operations -= span.operations;
  }

  /**
   * Whether at most `bytes` could stay taken if all of `warm` were given back. Pieces do not count on top of quarantined
   * chunks, since they can lie in one. The cheap comparison comes first: the other one takes a native call.
   */
  mayLeave(bytes, warm) {
    if (this.bytes - warm.bytes > bytes) return false;
    return this.chunkBytes - warm.chunkBytes + this.quarantined() <= bytes;
  }

  /** Throws where the system does not grant what was asked for. */
  probe(asked) {
    if (asked === undefined) return;
    const failure = this.#memory.probe();
    if (failure !== null) throw refusal(failure, this.budget.about, leastOf(asked), { asked });
  }

  trim() {
    const bytes = this.#memory.trim();
    if (this.budget.share !== null) this.budget.measured();
    return bytes;
  }

  /** Gives whole pages of a span back that is a chunk of its own: bytes. `parts`: offset and size of each, in units of 16 bytes. */
  decommit(span, parts, count) {
    return this.#memory.decommit(span.id, span.epoch, parts, count);
  }

  restart() {
    this.#memory.restart();
  }

  quarantined() {
    return this.#memory.quarantined();
  }

  chunks() {
    return this.#memory.chunks();
  }

  /** The registers of the memory's stats(), until the next call. */
  stats() {
    this.#memory.stats(registers);
    registers[0] = this.budget.limit; // below it may be less: see MeasuredBudget.prepare()
    return registers;
  }
}

module.exports = {
  isClaimed,
  openOf,
  RAW,
  WARM,
  OPEN,
  WAITING,
  LEAVING,
  ENDED,
  Span,
  SpanGuard,
  SpanLeases,
};
