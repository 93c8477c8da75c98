'use strict';

// Memory over the time of a recording, slot by slot.

const { SLOT_MS } = require('../recorder/buckets.js');

/** A chart has at most so many points, about one per pixel; beyond that, slots are joined. */
const MOST_SLOTS = 1200;
/** So many samples give an error of ± 50 %. With fewer, no line is said to grow. */
const LEAST_ALIVE = 16;

const sumOf = (list) => list.reduce((sum, one) => sum + one, 0);

/** The slope of a line through these points, by least squares. */
function slopeOf(x, y) {
  const [meanX, meanY] = [sumOf(x) / x.length, sumOf(y) / y.length];
  const rise = sumOf(x.map((one, index) => (one - meanX) * (y[index] - meanY)));
  return rise / sumOf(x.map((one) => (one - meanX) ** 2));
}

class Timeline {
  #process;
  #step; // ms from one index of a list to the next

  constructor({ process, slots }) {
    const all = [...process.keys(), ...slots].sort((a, b) => a - b);
    const span = (all.at(-1) ?? -SLOT_MS) - (all[0] ?? 0);
    this.#process = process;
    this.#step = SLOT_MS * Math.max(1, Math.ceil((span / SLOT_MS + 1) / MOST_SLOTS));
    this.first = all[0] ?? 0;
    /** Seconds from the start to the end of each slot. */
    this.seconds = Array.from(
      { length: Math.floor(span / this.#step) + 1 },
      (_, index) => ((index + 1) * this.#step) / 1000,
    );
  }

  #index(slot) {
    return Math.floor((slot - this.first) / this.#step);
  }

  /** The sums of `name` of a history, slot by slot. */
  #sums(history, name) {
    const sums = this.seconds.map(() => 0);
    history.each((slot, changes) => {
      sums[this.#index(slot)] += changes[name];
    });
    return sums;
  }

  /** Live bytes at the end of each slot. */
  live(history) {
    let sum = 0;
    return this.#sums(history, 'live').map((change) => {
      sum += change;
      return Math.max(0, Math.round(sum));
    });
  }

  /** The history of `name`, `born` or `young`, in bytes per second. */
  rate(history, name) {
    return this.#sums(history, name).map((sum) => Math.round((sum * 1000) / this.#step));
  }

  /**
   * How live bytes changed in the second half: `{ growth, grows }`, in bytes per second; `growth`
   * is undefined if it is unknown, and `grows` true only if the growth exceeds the error of the
   * estimate.
   */
  growth({ history, live, liveSamples, liveError }) {
    const seconds = this.seconds.slice(Math.floor(this.seconds.length / 2));
    // Merged profiles have no history.
    if (history.isEmpty || seconds.length < 3) return { growth: undefined, grows: false };
    const growth = slopeOf(seconds, this.live(history).slice(-seconds.length));
    const rise = growth * (seconds.at(-1) - seconds[0]);
    const grows = liveSamples >= LEAST_ALIVE && rise > liveError * live && rise > live / 8;
    return { growth, grows };
  }

  /**
   * The memory of the processes: `{ rss, arrayBuffers, live }`, each a list with a value per slot,
   * or null if none was recorded.
   */
  process() {
    const none = () => this.seconds.map(() => null);
    const all = { rss: none(), arrayBuffers: none(), live: none() };
    for (const [slot, told] of this.#process) {
      const index = this.#index(slot);
      for (const name of ['arrayBuffers', 'live'])
        all[name][index] = sumOf(told.map((one) => one[name]));
      const rss = new Map();
      // Threads of a process share its resident set.
      for (const one of told) rss.set(one.pid, Math.max(rss.get(one.pid) ?? 0, one.rss ?? 0));
      all.rss[index] = sumOf([...rss.values()]);
    }
    return all;
  }
}

module.exports = { LEAST_ALIVE, Timeline };
