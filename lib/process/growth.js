'use strict';

// By what the memory of a process has grown, from its first second, or its first connection, to its
// end: for `ralloc/auto` and for a recorder, in its main thread.

const channels = require('node:diagnostics_channel');
const path = require('node:path');
const { attempt } = require('../base/attempt.js');
const { loadedModules } = require('../base/internals.js');
const time = require('../base/time.js');
const { MajorCount, collectNow, letGo } = require('../memory/gc.js');
const memory = require('../memory/native.js');
const { inventory } = require('./inventory.js');
const { ProgramEnd } = require('./program-end.js');
const { splitNow } = require('./split.js');
const { grownAtPeak, grownBy } = require('./verdict.js');

const LOOK_MS = 1000;
const CONNECTION = 'net.server.socket'; // what comes with the first belongs to the load
const MOST_HEAP = 256 * 1024 * 1024; // a collection over more takes longer than an end may
const MOST_TRIM_MS = 500;
const MOST_WAITING = 64; // rows

/** Twice: the second waits until what the first has found is swept. */
const collects = () => collectNow(MOST_HEAP) && collectNow(MOST_HEAP, true);

/** Trims, on its other thread, and waits for it. Returns whether it did. */
function trims() {
  const before = memory.trimmedMs?.();
  if (before === undefined || memory.trimMalloc() !== true) return false;
  const cell = new Int32Array(new SharedArrayBuffer(4));
  for (let ms = 0; ms < MOST_TRIM_MS && memory.trimmedMs() === before; ms += 5)
    Atomics.wait(cell, 0, 0, 5);
  return true;
}

/** The names of the addons that are loaded, without ralloc's. */
const addonsNow = () =>
  loadedModules()
    .map(([file]) => path.basename(file))
    .filter((name) => name.endsWith('.node') && !/^ralloc\./.test(name));

class Growth {
  #start;
  #peak;
  #waiting = new Map(); // kind and route -> the row when it had most, and the longest wait
  #end;
  #majors = new MajorCount();
  #collected = 0;
  #left; // bytes of `heap` and `buffers` that the last collection left
  #living = { heap: 0, buffers: 0 }; // what the last two have left both
  #lived = { heap: 0, buffers: 0 }; // the most that two collections in a row left
  #timer;
  #programEnd;
  #onConnection = () => attempt(() => this.#look());

  /** `programEnd`: the caller's own, if it has one. */
  constructor(programEnd = new ProgramEnd()) {
    this.#programEnd = programEnd;
    channels.subscribe(CONNECTION, this.#onConnection);
    time.outside(() => {
      this.#timer = time.unref(time.setInterval(() => attempt(() => this.#look()), LOOK_MS));
    });
  }

  #look() {
    const split = splitNow();
    if (this.#start === undefined) channels.unsubscribe(CONNECTION, this.#onConnection);
    this.#start ??= split;
    const { rows } = inventory(); // each time, so that it knows since when something waits
    if (this.#peak === undefined || split.rss > this.#peak.rss) this.#peak = split;
    this.#noteWaiting(rows);
    this.#note(split.parts);
    return split;
  }

  /** Of each kind and route. RSS is highest where what is dead piles up, when nothing may wait. */
  #noteWaiting(rows) {
    for (const row of rows.filter(({ bytes }) => bytes > 0)) {
      const key = `${row.kind} ${row.route ?? ''}`;
      const before = this.#waiting.get(key) ?? { bytes: 0, oldestMs: 0 };
      if (before.bytes === 0 && this.#waiting.size >= MOST_WAITING) continue;
      const oldestMs = Math.max(row.oldestMs, before.oldestMs);
      this.#waiting.set(key, { ...(row.bytes > before.bytes ? row : before), oldestMs });
    }
  }

  /** After a single collection, Buffers may still wait to be swept. */
  #note({ heapUsed: heap, buffers, garbage = 0 }) {
    const { count } = this.#majors;
    if (count === this.#collected) return;
    this.#collected = count;
    const left = { heap, buffers: buffers + garbage };
    for (const name of Object.keys(left)) {
      this.#living[name] = Math.min(left[name], this.#left?.[name] ?? 0);
      this.#lived[name] = Math.max(this.#lived[name], this.#living[name]);
    }
    this.#left = left;
  }

  /**
   * Takes what there is now for the end: to be called before somebody collects. `isOver`: the
   * process is at its end.
   */
  close(isOver) {
    this.stop();
    if (this.#start !== undefined) this.#end ??= this.#look();
    if (isOver) letGo(); // of what was looked at
  }

  /**
   * Ends it. Returns `{ start, peak, end, grown, atPeak, addons, waiting }`: RSS in bytes, what
   * grownBy() and grownAtPeak() return, and rows of the inventory: see #noteWaiting(); undefined
   * before the first second or connection. `isOver` as of close(): it may take the time of a
   * collection and a trim.
   */
  end(isOver) {
    this.close(isOver);
    const [start, peak, end] = [this.#start, this.#peak, this.#end];
    if (start === undefined) return undefined;
    const swept = isOver && collects() ? splitNow() : undefined;
    const given = isOver && trims() ? end.rss - splitNow().rss : undefined;
    const living = this.#programEnd.hasCome ? this.#living : undefined;
    const grown = grownBy({ start, end, swept, given, living });
    const waiting = [...this.#waiting.values()].sort((one, other) => other.bytes - one.bytes);
    const atPeak = grownAtPeak({ start, peak, end, lived: this.#lived });
    return {
      ...{ start: start.rss, peak: peak.rss, end: end.rss },
      ...{ grown, atPeak, addons: addonsNow(), waiting },
    };
  }

  /** Ends it without a look. */
  stop() {
    this.#programEnd.stop();
    time.clearInterval(this.#timer);
    channels.unsubscribe(CONNECTION, this.#onConnection);
  }
}

module.exports = { Growth };
