'use strict';

// Memory that Node or the program allocated, and that an arena has taken over as it is. A span of
// such memory is one in the order of its epoch: it ends with it, waits for holds, and has
// operations of Node. But it has no lease: what ends it frees its ArrayBuffer, or, where something
// may still use the bytes, leaves that to V8. It counts toward the limit of the pool.

const { observing } = require('../base/observer.js');
const { kHolder, kMemory } = require('../base/protocol.js');
const { detach, leave, prepare, releaseAdopted, wipeAdopted } = require('./foreign.js');
const { Span, SpanGuard, WARM, isClaimed } = require('./span.js');

class AdoptedSpans {
  #pool;
  #budget; // of the pool
  #spans = new Set(); // all adopted spans; after an interrupted call also some that have ended
  bytes = 0; // of the spans that have not ended

  constructor(pool, budget) {
    this.#pool = pool;
    this.#budget = budget;
  }

  /** All spans in the list, for audits. */
  all() {
    return [...this.#spans];
  }

  /**
   * Returns a span for `ab`, of `size` bytes, or a failure. If it returns a span, the pool is busy
   * until that is open.
   */
  add(ab, size, { safety }) {
    const pool = this.#pool;
    const span = new Span(true, pool, size);
    const guard = pool.isGuarded && safety !== 'gc' ? new SpanGuard(span) : undefined;
    prepare();
    pool.begin();
    this.#spans.add(span);
    const failure = span.adopt(ab, guard, this, this.#budget);
    if (failure !== null) {
      this.#spans.delete(span);
      pool.isBusy = false;
      return failure;
    }
    if (this.#budget.share !== null) this.#budget.measured();
    if (guard === undefined) ab[kMemory] = true;
    else ab[kHolder] = guard;
    return span;
  }

  /**
   * Frees the memory of an adopted span that its arena has given up, at once or after its last
   * operation. Ignores other spans.
   */
  release(span, policy, claims) {
    const { adopted: ab, guard } = span;
    if (ab === null) return;
    const pool = this.#pool;
    if (isClaimed(span, claims)) {
      pool.waiting.add(span, policy, claims);
    } else if (policy.safety === 'gc' || (pool.isGuarded && guard === undefined)) {
      this.drop(span);
    } else {
      if (ab.byteLength > 0) this.#free(span, policy);
      if (guard !== undefined) guard.death = span.death;
      this.#end(span);
    }
  }

  /**
   * Frees the span's memory. The memory of a sole span goes to the observer, which checks it, and
   * then to V8.
   */
  #free(span, { wipe }) {
    const { adopted: ab, size, isSole } = span;
    observing.observer?.gone(span);
    const own = isSole ? detach(ab) : undefined;
    if (own === undefined) (wipe ? wipeAdopted : releaseAdopted)(ab, size);
    else observing.observer?.detached(span, own);
  }

  /** Something may still use the memory: leaves it to V8, which frees it once it is unreachable. */
  drop(span, home) {
    const { adopted: ab, size } = span;
    if (ab === null) return;
    if (ab.byteLength > 0) leave('dropped', size);
    this.#end(span, home);
  }

  /** `home`: the window that is still charged for it. */
  #end(span, home = null) {
    span.disown(home, this, this.#budget);
    this.#spans.delete(span);
    if (this.#budget.share !== null) this.#budget.measured();
  }

  /**
   * After an interrupted call: leaves everything to V8. A span that no epoch took is the caller's
   * again.
   */
  abandon() {
    for (const span of this.#spans) {
      const { adopted: ab } = span;
      if (ab === null) {
        this.#spans.delete(span);
        continue;
      }
      span.lose();
      if (span.state !== WARM) this.drop(span, span.home);
      else {
        delete ab[kHolder];
        delete ab[kMemory];
        this.#end(span);
      }
    }
  }
}

module.exports = { AdoptedSpans };
