'use strict';

// The option `warnAfterMs`: warns of Buffers that nobody frees. Only slabs with this option have
// pools that keep the time when each slot was handed out; the others do not pay for it.

const time = require('../base/time.js');
const { observing } = require('../base/observer.js');
const { warnOnce } = require('../base/warnings.js');
const idle = require('../memory/idle.js');

const TICKS = 4; // in `warnAfterMs`

/** A subclass of a kind of pool that knows since when each slot is held. */
const timed = (Kind) =>
  class extends Kind {
    #since = new Float64Array(0); // for each slot, the time of the tick before it was handed out; 0: never
    now = time.now(); // the time of the last tick; reading the clock at every take() would cost too much

    // Stores the time first, because nothing may throw once the slot has left the stack. Cached
    // slots never count as stuck.
    take(size, zero) {
      const { top } = this;
      if (top > 0) this.#since[this.slotAt(top - 1)] = this.now;
      return super.take(size, zero);
    }

    cache(slot) {
      this.#growTo(slot);
      super.cache(slot);
    }

    prepare(slot) {
      this.#growTo(slot);
      super.prepare(slot);
      this.#since[slot] = this.now;
    }

    forget(slot) {
      this.#since[slot] = 0;
    }

    #growTo(slot) {
      if (slot < this.#since.length) return;
      const longer = new Float64Array(2 ** Math.ceil(Math.log2(slot + 1)));
      longer.set(this.#since);
      this.#since = longer;
    }

    /**
     * The number of held slots that were handed out at `before` or earlier, and the age of the
     * oldest.
     */
    stuck(before) {
      const cached = new Set();
      for (let i = 0; i < this.top; i++) cached.add(this.slotAt(i));
      let count = 0;
      let oldest = this.now;
      this.#since.forEach((since, slot) => {
        if (since === 0 || since > before || cached.has(slot)) return;
        count++;
        oldest = Math.min(oldest, since);
      });
      return { count, age: this.now - oldest };
    }
  };

/** Called by the idle timer; returns whether it goes on. */
function tick(core) {
  const { isLive, pools, settings } = core;
  const { warnAfterMs, name } = settings;
  const now = time.now();
  for (const pool of isLive ? pools : []) {
    pool.now = now;
    // The stored times may be up to a tick too early.
    const { count, age } = pool.stuck(now - warnAfterMs * (1 + 1 / TICKS));
    if (count === 0 || observing.observer?.stuckSlots(core, now - warnAfterMs, count)) continue;
    const { size } = pool;
    warnOnce('RALLOC_SLOT_STUCK', { name, size, count, age }, pool);
  }
  return isLive;
}

const checks = new WeakMap(); // core -> its check, which the timer does not keep alive

/** Warns of Buffers of `core` that are held for longer than `warnAfterMs`. */
function warnOfStuck(core) {
  const stuckCheck = { watched: false, tick: () => tick(core) }; // `watched`: by idle.js
  checks.set(core, stuckCheck);
  idle.watch(stuckCheck, Math.ceil(core.settings.warnAfterMs / TICKS));
}

module.exports = { timed, warnOfStuck };
