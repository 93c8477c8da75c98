'use strict';

// A span: one ArrayBuffer over leased memory, and its state, which says whose the bytes are.
// SpanLeases leases the spans of a pool from the binary or the fallback, and ends the leases.
// ARCHITECTURE.md explains the states.

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

/** The items of `claims` (null: none) that have unreleased holds. */
const openOf = (claims) => (claims ?? []).filter(isOpen);

/** Whether a span may not be used again yet. */
const isClaimed = (span, claims) => span.operations > 0 || claims?.some(isOpen) === true;

/**
 * The kHolder of a span's ArrayBuffer: operations of Node claim the span with it, and it tells how
 * the span ended.
 */
class SpanGuard {
  #span;
  death = 'transferred'; // a key of `deaths` in base/errors.js; this one until the span ends otherwise

  constructor(span) {
    this.#span = span;
  }

  take(view, kind, consumer) {
    if (view.byteLength === 0 && view.buffer.byteLength === 0)
      throw deadUse(view, undefined, this.death, kind, consumer);
    return this.#span.take(view, kind);
  }
}

// The states of a span tell who owns its bytes. Each step is at most one call, of the memory below
// or of the owner that is charged, and the stores right after it. The store that lets the bytes be
// used again comes last. Only this file writes the fields of a span.
const RAW = 0; // leased, but `ab` is null or the ArrayBuffer from Node-API, which no other code may see. -> WARM, ENDED
const WARM = 1; // the pool's, also on its way to an arena. -> OPEN, WAITING, ENDED
const OPEN = 2; // owned by `home`: a window, or a region's chunk. -> WARM, WAITING, ENDED
const WAITING = 3; // given up but claimed: no byte changes. -> LEAVING, ENDED
const LEAVING = 4; // no longer claimed; being released by `policy`. -> WARM, WAITING, ENDED
const ENDED = 5; // Rust's or V8's

/** One ArrayBuffer over bytes that no other live ArrayBuffer of ralloc covers. */
class Span {
  #done; // made by the first operation and shared by all, so that a stream sees the same callback for every write

  constructor(isChunk, pool, size = 0) {
    this.ab = null; // null before the lease and after it
    this.adopted = null; // an ArrayBuffer of Node or the program, without a lease: see AdoptedSpans
    this.state = RAW;
    this.home = null; // its owner, in OPEN until it gives the span up; in ENDED the window that is still charged for it
    this.size = size;
    this.id = 0; // identifies the lease, together with `epoch`
    this.epoch = 0; // the number of this lease, not an arena's epoch
    this.cleanFrom = 0; // bytes from here on were never handed out and are zero
    this.isChunk = isChunk; // true: a whole chunk; false: cut from one for a checkpoint or scope
    this.used = 0; // bytes handed out in its arena's epoch; not up to date while its window is open
    this.end = 0; // bytes that may be handed out: size, or less at a request's limit
    this.pool = pool;
    this.guard = undefined; // the SpanGuard of its ArrayBuffer, if the pool is guarded
    this.isSole = false; // adopted for a single Buffer and detached at its end: no other Buffer is ever over that memory
    this.isSeen = false; // whether 'recycle' left Buffers alive over it
    this.policy = undefined; // { safety, wipe }, in WAITING and LEAVING
    this.claims = null; // Holds that it waits for
    this.death = 'reset'; // what ends it; set by its window
    this.operations = 0; // operations of Node under way on its Buffers: it is not reset before they end
  }

  /** `home` has it from now on; `need` to about `want` bytes of it are charged to `owner`. */
  open(home, owner, need, want) {
    this.end = owner.charge(need, want, this.size);
    this.death = 'reset'; // unless its epoch says otherwise
    this.home = home;
    this.state = OPEN;
  }

  /**
   * Charges `size` bytes from `cursor` on. Returns false if the span is too small or its owner has
   * no room.
   */
  extend(cursor, size, owner) {
    const rest = this.size - this.end;
    const need = cursor + size - this.end;
    if (rest === 0 || need > rest || need > owner.room) return false;
    this.end += owner.charge(need, rest, rest);
    return true;
  }

  /** Returns to the budget what is unused from `cursor` on; extend() can take it again. */
  retract(cursor, owner) {
    if (owner.room === Number.POSITIVE_INFINITY) return;
    this.uncharge(this.end - Math.min(cursor, this.end), owner);
  }

  uncharge(bytes, owner) {
    owner.discharge(bytes);
    this.end -= bytes;
  }

  /** Whether Buffers of `home` have the bytes that they were given, unless it was transferred. */
  keeps(home) {
    return this.home === home && (this.state === OPEN || this.end > 0);
  }

  /** Its arena has handed out `bytes`, including padding. */
  use(bytes) {
    this.used = Math.min(bytes, this.size);
  }

  /** The bytes before `end` are no longer known to be zero. */
  stain(end) {
    if (end > this.cleanFrom) this.cleanFrom = end;
  }

  /** It is as if nothing had been handed out. `isSeen`: Buffers are alive over it. */
  reuse(isSeen) {
    this.used = 0;
    this.isSeen = isSeen;
  }

  /** It is the pool's again. */
  rest() {
    this.state = WARM;
    this.home = null;
    this.claims = null;
  }

  /** It belongs to one Buffer alone. */
  makeSole() {
    this.isSole = true;
  }

  /** It will wait for `claims` and for its operations, and is then released by `policy`. */
  await(policy, claims) {
    this.policy = policy;
    this.claims = claims;
  }

  /**
   * The epoch that has it ends, and its Buffers die by `death`. Returns false if it had ended
   * before: it was transferred away, or lost by an interrupted call.
   */
  close(death, owner) {
    this.uncharge(this.end, owner);
    this.death = death;
    this.home = null; // somebody may keep its ArrayBuffer, and so it
    return this.state !== ENDED;
  }

  /** Takes over `ab`, of its size. Returns null, or a failure. */
  adopt(ab, guard, list, budget) {
    const failure = budget.charge(this.size);
    if (failure !== null) return failure;
    this.adopted = ab;
    this.guard = guard;
    this.state = WARM; // still the caller's, until an epoch takes it
    list.bytes += this.size;
    return null;
  }

  /** Ends what adopt() began. `home`: the window that is still charged for it. */
  disown(home, list, budget) {
    budget.discharge(this.size);
    this.adopted = null;
    this.state = ENDED;
    this.home = home;
    this.claims = null;
    list.bytes -= this.size;
  }

  /** A call was interrupted: whoever has it, and its claims, no longer do. */
  lose() {
    for (const holds of this.claims ?? []) holds.abandon();
    if (this.state === OPEN) this.home?.lose(this);
  }

  /** Waits from now on, without a lease. */
  giveUp() {
    this.state = WAITING;
  }

  /**
   * Claims the span for a function of Node that goes on using `view` after it has returned: see
   * kHolder in base/protocol.js.
   */
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
    pool.check();
    this.operations--; // no call before the flag
    if (this.state === WAITING && this.adopted === null) pool.holders.operations--;
    if (this.operations > 0 || this.state !== WAITING) return;
    pool.isBusy = true;
    pool.waiting.settle([this]);
  }
}

// The spans that a pool has leased from the backend. Even after an interrupted call the spans here
// are those leased there, and the counts are right: the backend's answers are stored by assignments
// alone, between which no call can throw.

const LONGEST = constants.MAX_LENGTH; // of a Buffer: 4 GiB on Node 20, later more than any machine has
const transfers = hasTransfer && memory.backend === 'native'; // otherwise detaching takes a native call
const registers = new Float64Array(15); // the backend's answers; one is enough, because they are read at once

class SpanLeases {
  #memory;
  spans = new Set(); // all leased spans; after an interrupted call also some whose lease has ended
  bytes = 0; // of all leased spans
  heldBytes = 0;
  budget; // counts everything leased, and what is charged besides

  /**
   * `about`: how errors name the budget; `mayWipe`: whether the `dirty` bytes of end() are zeroed.
   * Throws if the system refuses `asked`, the options `memory`.
   */
  constructor(about, maxBytes, chunkSize, mayWipe, asked) {
    this.#memory = new memory.LeasedArena(maxBytes, chunkSize, mayWipe, asked);
    this.budget = new MeasuredBudget(about, maxBytes, this.#memory);
    const failure = asked === undefined ? null : this.#memory.probe();
    if (failure !== null) throw refusal(failure, about, leastOf(asked), { asked });
  }

  /**
   * Returns a new span for an arena of this `safety`, or a failure, or a Refusal. If it returns a
   * span, `pool` is busy until that is open.
   */
  lease(need, want, isChunk, pool, { safety }) {
    const span = new Span(isChunk, pool);
    const most = Math.max(need, Math.min(want, LONGEST / 2));
    this.budget.prepare();
    pool.isBusy = true;
    this.spans.add(span);
    let ab;
    try {
      ab = this.#memory.lease(need, most, isChunk, registers);
    } catch (error) {
      if (error?.code === undefined) throw error; // the stack ends here
      this.spans.delete(span);
      pool.isBusy = false;
      // The runtime refused an external ArrayBuffer.
      const tooLong = `A Buffer of ${need} bytes is longer than this runtime allows, which is ${LONGEST} bytes`;
      const why = need > LONGEST ? tooLong : error.message;
      return new Refusal(() => new RallocError(error.code, why));
    }
    if (ab === null || ab.kind !== undefined) {
      this.spans.delete(span);
      pool.isBusy = false;
      return ab ?? this.budget.failureOf(need);
    }
    span.ab = ab;
    span.id = registers[0];
    span.epoch = registers[1];
    span.cleanFrom = registers[2];
    if (this.budget.share !== null) this.budget.measured();
    this.#show(span, pool.isGuarded && safety !== 'gc');
    return span;
  }

  /**
   * `share`: creates the share of the option `budget`, or null. `owner` is asked to give back warm
   * memory when others need it.
   */
  join(share, owner) {
    if (share !== null) this.budget.share = share(owner);
  }

  /**
   * Adjusts the share to what is used. If its owner is no longer live, the share ends with the last
   * byte. Returns whether there is one.
   */
  measure(isLive) {
    const { budget } = this;
    if (budget.share === null) return false;
    if (budget.measured() > 0 || isLive) return true;
    budget.share.release();
    budget.share = null;
    return false;
  }

  /**
   * At exit Node detaches the ArrayBuffers that Node-API made, and Node 24 and 26 abort if one was
   * marked as untransferable. So its memory moves to another ArrayBuffer before anyone can see it
   * (100 ns).
   */
  #show(span, marks) {
    const size = span.ab.byteLength; // by a call
    const guard = marks ? new SpanGuard(span) : undefined;
    const shown = transfers ? span.ab.transfer() : span.ab;
    // The fallback's ArrayBuffer may have belonged to another pool.
    if (guard !== undefined || shown[kHolder] !== undefined) shown[kHolder] = guard;
    if (guard === undefined) shown[kMemory] = true;
    span.guard = guard;
    span.ab = shown;
    span.size = size;
    span.state = WARM;
    this.bytes += size;
  }

  /**
   * What the counters should be, computed from the spans. `claims`: the Holds that held spans wait
   * for.
   */
  sums() {
    const sums = {
      count: 0,
      bytes: 0,
      heldBytes: 0,
      holders: new Holders(),
      claims: new Set(),
    };
    for (const { ab, size, state, operations, claims } of this.spans) {
      if (ab === null) continue;
      sums.count++;
      sums.bytes += size;
      if (state !== WAITING) continue;
      sums.heldBytes += size;
      sums.holders.spans++;
      sums.holders.operations += operations;
      for (const holds of openOf(claims)) sums.claims.add(holds);
    }
    return sums;
  }

  /** Guards a span of which nothing is handed out: from now on operations of Node can claim it. */
  mark(span) {
    span.guard = new SpanGuard(span);
    span.ab[kHolder] = span.guard;
  }

  /** Ends a lease: how = release, quarantine or steal. */
  end(how, span, dirty) {
    this.#memory[how](span.id, span.epoch, dirty, span.ab);
    span.ab = null;
    this.bytes -= span.size;
    if (span.state === WAITING) {
      this.heldBytes -= span.size;
      span.pool.holders.spans--;
      span.pool.holders.operations -= span.operations;
    }
    span.state = ENDED;
    span.claims = null;
    this.spans.delete(span);
    if (this.budget.share !== null) this.budget.measured();
  }

  /**
   * Replaces the span's ArrayBuffer by another over the same bytes, and detaches the old one.
   * Returns false if it cannot be detached.
   */
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
   * Whether giving all `warm` bytes back could leave at most `bytes` in use. Pieces are not added
   * to the quarantined chunks, since they can lie in one. The cheap comparison comes first.
   */
  mayLeave(bytes, warm) {
    if (this.bytes - warm > bytes) return false;
    let chunks = this.quarantined();
    for (const { isChunk, state, size } of this.spans)
      if (isChunk && state !== WARM) chunks += size;
    return chunks <= bytes;
  }

  trim() {
    this.#memory.trim();
    if (this.budget.share !== null) this.budget.measured();
  }

  /**
   * Gives whole pages of a chunk's span back to the system; returns their bytes. `parts`: offset
   * and size of each, in units of 16 bytes.
   */
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

  /** The registers of the backend's stats(); valid until the next call. */
  stats() {
    this.#memory.stats(registers);
    registers[0] = this.budget.limit; // the backend's limit may be less: see MeasuredBudget.prepare()
    return registers;
  }
}

module.exports = { OPEN, Span, SpanGuard, SpanLeases, WAITING, WARM, isClaimed, openOf };
