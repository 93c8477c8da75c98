'use strict';

// By what the memory of a process has grown, from its first second to its end: for `ralloc/auto` and for a recorder, in its main thread.

const Module = require('node:module');
const path = require('node:path');
const { attempt } = require('../base/attempt.js');
const time = require('../base/time.js');
const { collectNow } = require('./gc.js');
const memory = require('./native.js');
const { splitNow } = require('./split.js');
const { grownBy } = require('./verdict.js');

const LOOK_MS = 1000;
const MOST_HEAP = 256 * 1024 * 1024; // a collection over more takes longer than an end may
const MOST_TRIM_MS = 500;

/** Twice: the second waits until what the first has found is swept. */
const collects = () => collectNow(MOST_HEAP) && collectNow(MOST_HEAP);

/** Trims, on its other thread, and waits for it. Returns how much less RSS is; undefined if nothing can be told. */
function trims({ rss }) {
  const before = memory.trimmedMs?.();
  if (before === undefined || memory.trimMalloc() !== true) return undefined;
  const cell = new Int32Array(new SharedArrayBuffer(4));
  for (let ms = 0; ms < MOST_TRIM_MS && memory.trimmedMs() === before; ms += 5)
    Atomics.wait(cell, 0, 0, 5);
  return rss - splitNow().rss;
}

/** The names of the addons that are loaded, without ralloc's. */
const addonsNow = () =>
  Object.keys(Module._cache ?? {})
    .map((file) => path.basename(file))
    .filter((name) => name.endsWith('.node') && !/^ralloc\./.test(name));

class Growth {
  #start;
  #peak = 0;
  #timer;

  constructor() {
    time.outside(() => {
      this.#timer = time.setInterval(() => attempt(() => this.#look()), LOOK_MS);
      this.#timer.unref?.();
    });
  }

  #look() {
    const split = splitNow();
    this.#start ??= split;
    this.#peak = Math.max(this.#peak, split.rss);
    return split;
  }

  /**
   * Ends it. Returns `{ start, peak, end, grown, addons }`: RSS in bytes, and what grownBy() returns; undefined before the first second is over. `isOver`: the process is at its end, so it
   * may take the time of a collection and a trim.
   */
  end(isOver) {
    this.stop();
    const start = this.#start;
    if (start === undefined) return undefined;
    const end = this.#look();
    const swept = isOver && collects() ? splitNow() : undefined;
    const given = isOver ? trims(swept ?? end) : undefined;
    const grown = grownBy({ start, end, swept, given });
    return { start: start.rss, peak: this.#peak, end: end.rss, grown, addons: addonsNow() };
  }

  /** Ends it without a look. */
  stop() {
    time.clearInterval(this.#timer);
  }
}

module.exports = { Growth };
