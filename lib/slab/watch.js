'use strict';

// `warnAfterMs`: Buffers that nobody frees. Pools that are watched note when each slot was handed out; others
// are of another class and know nothing of it.

const { warnOnce } = require('../base/warnings.js');
const { slotOf } = require('./buffer.js');
const idle = require('../memory/idle.js');

const TICKS = 4; // within the time after which a warning is due

/** The same kind of pool, which knows since when each slot is held. */
const watched = (Kind) =>
  class extends Kind {
    #since = new Float64Array(0); // by slot, as of the tick before; 0: not handed out
    now = performance.now();

    take(size) {
      const buffer = super.take(size);
      if (buffer !== null) this.#since[slotOf(buffer)] = this.now;
      return buffer;
    }

    cache(slot) {
      this.#reach(slot);
      super.cache(slot);
    }

    acquire(slot) {
      this.#reach(slot);
      const acquired = super.acquire(slot);
      if (acquired) this.#since[slot] = this.now;
      return acquired;
    }

    forget(slot) {
      this.#since[slot] = 0;
    }

    #reach(slot) {
      if (slot < this.#since.length) return;
      const longer = new Float64Array(2 ** Math.ceil(Math.log2(slot + 1)));
      longer.set(this.#since);
      this.#since = longer;
    }

    /** Slots that were handed out at `before` or earlier: how many, and for how long the first. */
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

class Watch {
  watched = false; // by idle.js
  #core;

  constructor(core) {
    this.#core = core;
  }

  tick() {
    const { isLive, pools, settings } = this.#core;
    const { warnAfterMs, name } = settings;
    const now = performance.now();
    for (const pool of isLive ? pools : []) {
      pool.now = now;
      // What is noted may be a tick earlier than what was.
      const { count, age } = pool.stuck(now - warnAfterMs * (1 + 1 / TICKS));
      if (count === 0) continue;
      const { size } = pool;
      warnOnce('RALLOC_SLOT_STUCK', { name, size, count, age }, pool);
    }
    return isLive;
  }
}

const watches = new WeakMap(); // core → its watch, which lives as long

/** Warns of the Buffers of `core` that are held for long. */
function watch(core) {
  const watching = new Watch(core);
  watches.set(core, watching);
  idle.watch(watching, Math.ceil(core.settings.warnAfterMs / TICKS));
}

module.exports = { watched, watch };
