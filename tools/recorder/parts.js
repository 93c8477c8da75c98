'use strict';

// Parts of what is watched: views that subarray() makes of it, and of these. Memory lives as long as any of them, whatever became of the Buffer that was allocated:
// 20 bytes of a scratch of 2 KiB that wait in a list keep 2 KiB.

const { deaths } = require('../../lib/memory/native.js');
const { byteLengthOf } = require('../../lib/base/views.js');

/** Of so many parts each is watched, and of more as many again each time that their number doubles. */
const EACH = 16;

const TOLD = 512; // deaths that are read at once

/** A Buffer, and what was made of it. */
class Whole {
  isWatched = false; // itself
  isGone = false; // itself, which is told where it is watched
  count = 0; // of living parts, of those that are watched
  #bytes;
  #made = 0; // parts, and their bytes
  #madeBytes = 0;
  #watchedBytes = 0;
  #livingBytes = 0;
  #onLess;

  constructor(bytes, onLess) {
    this.#bytes = bytes;
    this.#onLess = onLess;
  }

  /** Bytes of the living parts, an estimate; they may overlap. */
  get parts() {
    if (this.#watchedBytes === 0) return 0;
    const living = (this.#madeBytes * this.#livingBytes) / this.#watchedBytes;
    return Math.min(this.#bytes, Math.round(living));
  }

  /** Whether the next part, of `bytes` bytes, is to be watched. */
  next(bytes) {
    this.#madeBytes += bytes;
    this.#made++;
    if (this.#made % Math.ceil(this.#made / EACH) !== 0) return false;
    this.#watchedBytes += bytes;
    this.#livingBytes += bytes;
    this.count++;
    return true;
  }

  /** A part died, or it did itself: bytes is 0 then. `heard`: when. */
  lose(bytes, heard) {
    if (bytes === 0) this.isGone = true;
    else this.count--;
    this.#livingBytes -= bytes;
    this.#onLess?.(heard);
  }
}

class Parts {
  #deaths = new (deaths())();
  #registers = new Float64Array(2 * TOLD);
  #wholes = new WeakMap(); // of views
  #watched = []; // by number: { whole, bytes }; null: free
  #free = [];

  /** Follows what is made of `view`, which has `bytes` bytes. `onLess(heard)` is called when a part has died, or the view; `heard`: when. */
  follow(view, bytes, onLess) {
    const whole = new Whole(bytes, onLess);
    this.#wholes.set(view, whole);
    return whole;
  }

  /** `part` was made of `view`, if that is followed. */
  made(view, part) {
    const whole = this.#wholes.get(view);
    if (whole === undefined) return;
    const bytes = byteLengthOf(part);
    if (bytes === 0) return;
    this.#wholes.set(part, whole);
    if (!whole.isWatched) {
      whole.isWatched = true;
      this.#watch(view, whole, 0);
    }
    if (whole.next(bytes)) this.#watch(part, whole, bytes);
  }

  /** Whether subarray() of this view is to be told. */
  has(view) {
    return this.#wholes.has(view);
  }

  #watch(view, whole, bytes) {
    const number = this.#free.pop() ?? this.#watched.length;
    this.#deaths.watch(view, number);
    this.#watched[number] = { whole, bytes };
  }

  /** Reads which of them died. `now()`: ms. */
  hear(now) {
    for (;;) {
      const told = this.#deaths.drain(this.#registers);
      const at = now();
      for (let i = 0; i < told; i++) {
        const number = this.#registers[2 * i];
        this.#lose(number, at - this.#registers[2 * i + 1]);
        this.#free.push(number);
      }
      if (told < TOLD) return;
    }
  }

  #lose(number, heard) {
    const one = this.#watched[number];
    this.#watched[number] = null;
    one?.whole.lose(one.bytes, heard);
  }

  /** At the end, after a collection. */
  settle(now) {
    this.hear(now);
    const at = now();
    for (const [number, one] of this.#watched.entries()) {
      if (one !== null && !this.#deaths.isAlive(number)) this.#lose(number, at);
    }
  }
}

module.exports = { Parts };
