'use strict';

// The hot path of regions: RegionBuffer, which differs from a Buffer only in its private fields.
// Its state makes every wrong free an error without a look at the records.

const { FastBuffer, lookLikeBuffers } = require('../base/runtime.js');
const { observing } = require('../base/observer.js');
const freed = require('../memory/freed-buffers.js');
const record = require('./record.js');

const { FREED, HELD, IN_FLIGHT, WATCHED } = freed.states;
const { CHUNK, GRANULE_LOG, MARK, SIZE, START, WAITING } = record;
const { isView } = ArrayBuffer;
const { fill } = Uint8Array.prototype;

const NO_BLOCK = -1; // of a Buffer of length 0

let stateOf;
let coreOf;
let isLost;
let releaseSlow;
let takeBack;
let watch;

class RegionBuffer extends FastBuffer {
  #core;
  #id;
  #state = HELD;

  constructor(ab, offset, length, core, id) {
    super(ab, offset, length);
    this.#core = core;
    this.#id = id;
  }

  /** Frees the Buffer, unless it was freed before. */
  [Symbol.dispose]() {
    if (freed.holds(this.#state) && this.#core.isLive) release(this.#core, this);
  }

  /**
   * Returns a Buffer of 1 to `core.large - 1` bytes, or null if no free span is found in a few
   * steps.
   */
  static take(core, size, zero) {
    const { spans } = core;
    if ((size - 1) >>> 0 >= core.most || spans.isBusy || spans.unused < 0) return null;
    const granules = (size + 15) >>> GRANULE_LOG;
    const id = spans.find(granules);
    return id < 0 ? null : RegionBuffer.cut(core, id, granules, size, zero);
  }

  // `ab.byteLength` is 0 if the ArrayBuffer was transferred away. Any call may overflow the stack,
  // so the span is taken after the last one. Zeroing it before is safe, because it is free.
  static cut(core, id, granules, size, zero) {
    const { spans } = core;
    const { table } = spans;
    const { ab } = core.chunks.all[table[id + CHUNK]];
    if (ab.byteLength === 0) return null;
    const left = table[id + SIZE] - granules;
    const start = (table[id + START] + left) << GRANULE_LOG;
    const buffer = new RegionBuffer(ab, start, size, core, left > 0 ? spans.unused : id);
    if (zero) fill.call(buffer, 0);
    spans.take(id, granules);
    return buffer;
  }

  // isView() first, because `in` throws an error without a code if `buffer` is not an object.
  static release(core, buffer) {
    if (!isView(buffer) || !(#state in buffer)) return refuse(core, buffer);
    const id = buffer.#id;
    const { spans } = core;
    if (
      buffer.#state !== HELD ||
      buffer.#core !== core ||
      id === NO_BLOCK ||
      buffer.length === 0 || // its memory was transferred away
      core.isSlow ||
      spans.isBusy ||
      spans.table[id + MARK] !== record.HELD
    ) {
      return releaseSlow(core, buffer);
    }
    spans.give(id);
    buffer.#state = FREED; // no call since the last change in give(), so that a free that throws has freed nothing
  }

  static {
    lookLikeBuffers(RegionBuffer.prototype);
    stateOf = (value) => (isView(value) && #state in value ? value.#state : undefined);
    coreOf = (buffer) => buffer.#core;

    /**
     * Whether the memory of a Buffer that is not freed was transferred away. Rarely true, so the
     * length is checked first.
     */
    isLost = (core, buffer) =>
      buffer.length === 0 && buffer.#id !== NO_BLOCK && core.isLost(buffer.#id);

    // These functions make no call between their changes of records and states.

    /**
     * Frees a Buffer with its own chunk, or while operations are in flight; throws if it cannot be
     * freed.
     */
    releaseSlow = (core, buffer) => {
      const state = buffer.#state;
      const id = buffer.#id;
      if (!freed.holds(state) || buffer.#core !== core || !core.isLive) return refuse(core, buffer);
      core.settle();
      if (isLost(core, buffer)) return refuse(core, buffer);
      const token = core.auto?.tokenOf(buffer);
      if (id !== NO_BLOCK && core.wait(id, buffer)) {
        core.spans.wait(id);
        buffer.#state = IN_FLIGHT;
      } else {
        if (id !== NO_BLOCK) core.give(id);
        buffer.#state = FREED;
      }
      if (token !== undefined) token.isHeld = false;
      core.chunks.finishEnd();
      try {
        if (state === WATCHED) observing.observer?.freed(buffer, 'freed');
      } catch {} // at the stack's end
    };

    takeBack = (core, id, buffer) => {
      // The free was interrupted before it marked the block as waiting, so it will be called again.
      if ((core.spans.table[id + MARK] & WAITING) === 0) return;
      if (buffer !== undefined && buffer.#state !== IN_FLIGHT) return;
      core.give(id);
      core.spans.waiting--;
      if (buffer !== undefined) buffer.#state = FREED;
      core.chunks.finishEnd();
    };
    watch = (buffer, ab, start) => {
      const watched = new RegionBuffer(ab, start, buffer.length, buffer.#core, buffer.#id);
      watched.#state = WATCHED;
      buffer.#state = FREED;
      return watched;
    };
  }
}

const { release, take, cut } = RegionBuffer;

const buffers = freed.freedBuffers('region', stateOf, coreOf);
const { refuse } = buffers;

/** Whether `value` is a Buffer that release() would free. */
const isHeld = (core, value) => buffers.isHeld(core, value) && !isLost(core, value);

/** Creates a Buffer of length 0, which takes no block. */
const emptyBuffer = (core) => new RegionBuffer(freed.NO_BYTES, 0, 0, core, NO_BLOCK);

module.exports = {
  ...buffers,
  isHeld,
  RegionBuffer,
  release,
  take,
  cut,
  takeBack,
  watch,
  emptyBuffer,
};
