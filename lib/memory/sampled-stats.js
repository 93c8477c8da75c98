'use strict';

// sampleStats(): what memory has at intervals, as a series that keeps the last of them.

const { typeError } = require('../base/errors.js');
const time = require('../base/time.js');
const check = require('../base/validate.js');
const { stats } = require('./stats.js');

const DEFAULT_COUNT = 3600;
const MOST_COUNT = 1_000_000;

const OWNER = 'an arena, a slab, a region, or what requestArena() returned';

const readers = {
  count: (value, name) => check.integer(value, name, 1, MOST_COUNT),
  of: (value, name) => {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      throw typeError(name, 'an object', value);
    }
    return new Map(Object.entries(value));
  },
};

/** `{ used, committed, chunks }` of what each kind of stats() returns; undefined of anything else. */
function bytesOf(told) {
  if (typeof told !== 'object' || told === null) return undefined;
  const { used, committed, chunks, segments, memory, allocated } = told;
  if (segments !== undefined) return { used, committed, chunks: segments }; // of a slab
  if (chunks !== undefined) return { used, committed, chunks }; // of a region
  if (memory === undefined) return undefined;
  const { adopted, leased } = memory;
  return {
    used: (allocated ?? leased) + adopted, // of an arena; of a middleware, what its requests have
    committed: memory.committed + adopted,
    chunks: memory.chunks,
  };
}

function figuresOf(owner, name) {
  const bytes = typeof owner?.stats === 'function' ? bytesOf(owner.stats()) : undefined;
  if (bytes === undefined || Object.values(bytes).some((value) => typeof value !== 'number')) {
    throw typeError(name, OWNER, owner);
  }
  const { used, committed, chunks } = bytes;
  const fragmentation = committed === 0 ? 0 : Math.max(0, 1 - used / committed);
  const perChunk = chunks === 0 ? 0 : used / chunks;
  return { used, committed, fragmentation, chunks, perChunk };
}

class StatsSeries {
  #of;
  #count;
  #samples = [];
  #timer = null;
  #isStopped = false;

  constructor(intervalMs, of, count) {
    this.#of = of;
    this.#count = count;
    this.#take();
    time.outside(() => this.#start(intervalMs)); // or the timer would keep a request's store
  }

  #start(intervalMs) {
    if (this.#isStopped) return;
    this.#timer = time.setInterval(() => this.#take(), intervalMs);
    this.#timer.unref?.();
  }

  #take() {
    const figures = Array.from(this.#of, ([name, owner]) => [
      name,
      figuresOf(owner, `options.of.${name}`),
    ]);
    this.#samples.push({ at: time.wall(), stats: stats(), of: Object.fromEntries(figures) });
    if (this.#samples.length > this.#count) this.#samples.shift();
  }

  get samples() {
    return [...this.#samples];
  }

  stop() {
    this.#isStopped = true;
    time.clearInterval(this.#timer);
    this.#timer = null;
    this.#of = new Map();
  }

  [Symbol.dispose]() {
    this.stop();
  }
}

function sampleStats(intervalMs, options) {
  check.milliseconds(intervalMs, 'intervalMs', 1);
  const { of = new Map(), count = DEFAULT_COUNT } = check.options(options, readers);
  return new StatsSeries(intervalMs, of, count);
}

module.exports = { sampleStats };
