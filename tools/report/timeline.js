'use strict';

// Memory over the time of a recording, slot by slot.

const { SLOT_MS } = require('./collection.js');

/** A chart has at most so many points, about one per pixel; beyond that, slots are joined. */
const MOST_SLOTS = 1200;

/** All slots from the first to the last, and the index of each in the lists that are drawn. */
function slotsOf(collection) {
  const slots = [...collection.process.keys(), ...collection.slots];
  if (slots.length === 0) return { first: 0, length: 0, step: SLOT_MS };
  const first = slots.reduce((a, b) => Math.min(a, b));
  const span = slots.reduce((a, b) => Math.max(a, b)) - first;
  const step = SLOT_MS * Math.ceil((span / SLOT_MS + 1) / MOST_SLOTS);
  return { first, step, length: Math.floor(span / step) + 1 };
}

class Timeline {
  constructor(collection) {
    this.collection = collection;
    Object.assign(this, slotsOf(collection));
    /** Seconds from the start to the end of each slot. */
    this.seconds = this.#list((index) => ((index + 1) * this.step) / 1000);
  }

  #list(value) {
    return Array.from({ length: this.length }, (_, index) => value(index));
  }

  #index(slot) {
    return Math.floor((slot - this.first) / this.step);
  }

  /** The sums of `name` of a history, slot by slot. */
  #sums(history, name) {
    const sums = this.#list(() => 0);
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
    return this.#sums(history, name).map((sum) => Math.round((sum * 1000) / this.step));
  }

  /** The memory of the processes: `{ rss, arrayBuffers, … }`, each a list with a value per slot, or null if none was recorded. */
  process() {
    const sums = ['arrayBuffers', 'live'];
    const all = Object.fromEntries(['rss', ...sums].map((name) => [name, this.#list(() => null)]));
    for (const [slot, told] of this.collection.process) {
      const index = this.#index(slot);
      for (const name of sums) all[name][index] = told.reduce((sum, one) => sum + one[name], 0);
      const rss = new Map();
      // Threads of a process share its resident set.
      for (const one of told) rss.set(one.pid, Math.max(rss.get(one.pid) ?? 0, one.rss ?? 0));
      all.rss[index] = [...rss.values()].reduce((sum, bytes) => sum + bytes, 0);
    }
    return all;
  }
}

/** The slope of the second half of a list of live bytes, in bytes per second, by least squares; undefined with too few values. */
function growthOf(seconds, live) {
  const from = Math.floor(live.length / 2);
  const n = live.length - from;
  if (n < 3) return undefined;
  let [x, y, xx, xy] = [0, 0, 0, 0];
  for (let index = from; index < live.length; index++) {
    x += seconds[index];
    y += live[index];
    xx += seconds[index] ** 2;
    xy += seconds[index] * live[index];
  }
  return (n * xy - x * y) / (n * xx - x * x);
}

module.exports = { Timeline, growthOf };
