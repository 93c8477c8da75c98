'use strict';

// The hot path of slabs: SlabBuffer, which differs from a Buffer only in its private fields, and
// the two kinds of pools that hand it out. Its state makes every wrong free an error without a
// native call.

const { RallocError, typeError } = require('../base/errors.js');
const { fromHeap } = require('../base/views.js');
const { observing } = require('../base/observer.js');
const { FastBuffer, lookLikeBuffers } = require('../base/runtime.js');
const freed = require('../memory/freed-buffers.js');
const { Pool } = require('./pool.js');

const { FREED, HELD, SENT, IN_FLIGHT, WATCHED } = freed.states;
const { isView } = ArrayBuffer;
const { fill } = Uint8Array.prototype;

let stateOf;
let poolOf;
let releaseSlow;
let takeBack;
let send;
let watch;

class SlabBuffer extends FastBuffer {
  #pool;
  #slot;
  #state;

  constructor(ab, offset, length, pool, slot, state) {
    super(ab, offset, length);
    this.#pool = pool;
    this.#slot = slot;
    this.#state = state;
  }

  /** Frees the Buffer, unless it was freed before. */
  [Symbol.dispose]() {
    if (isHeld(this.#pool.core, this)) release(this.#pool.core, this);
  }

  // `in` throws an error without a code if `buffer` is not an object. isView() checks that first,
  // and faster than `typeof` on Node 26.
  static release(core, buffer) {
    if (!isView(buffer) || !(#state in buffer)) return refuse(core, buffer);
    const pool = buffer.#pool;
    const { top } = pool;
    if (buffer.#state !== HELD || pool.core !== core || top >= pool.capacity) {
      return releaseSlow(core, buffer, pool);
    }
    pool.push(buffer, top);
    buffer.#state = FREED; // no call after push(), so that a free that throws has freed nothing
  }

  // In both kinds the stack has its full length from the start (see Pool), because a store that may
  // grow an array costs 2 ns more. Counting the held slots would cost as much, so there is a
  // watermark instead.

  /** A new Buffer object for each allocation. The stack has the numbers of slots. */
  static CheckedPool = class CheckedPool extends Pool {
    placeholder = 0;

    // `ab.byteLength` is 0 if the ArrayBuffer was transferred away. Reading it takes 4 ns, a
    // try/catch around `new` 10. Any call may overflow the call stack, so the slot is popped from
    // the free list after the last call.
    take(size, zero) {
      const top = this.top - 1;
      if (top < this.watermark) {
        if (top < 0) return null;
        this.crossWatermark(top);
      }
      const slot = this.stack[top];
      const ab = this.segments[slot >>> this.shift];
      if (ab.byteLength === 0) return null;
      const start = (slot & this.mask) << this.sizeLog;
      const buffer = new SlabBuffer(ab, start, size, this, slot, HELD);
      if (zero) fill.call(buffer, 0);
      this.top = top;
      return buffer;
    }

    push(buffer, top) {
      this.stack[top] = buffer.#slot;
      this.top = top + 1;
    }

    cache(slot) {
      this.stack[this.top++] = slot;
    }

    slotAt(i) {
      return this.stack[i];
    }
  };

  /**
   * One Buffer object for each slot, used again for the same length. The stack has these objects.
   */
  static RecyclePool = class RecyclePool extends Pool {
    placeholder = null;

    take(size, zero) {
      const top = this.top - 1;
      if (top < this.watermark) {
        if (top < 0) return null;
        this.crossWatermark(top);
      }
      const buffer = this.stack[top];
      if (buffer.length !== size) return this.#resized(top, size, zero);
      if (zero) fill.call(buffer, 0);
      this.top = top;
      buffer.#state = HELD;
      return buffer;
    }

    /** Called if the slot's Buffer has another length. It has length 0 if its memory is gone. */
    #resized(top, size, zero) {
      const slot = this.slotAt(top);
      const ab = this.segments[slot >>> this.shift];
      if (ab.byteLength === 0) return null;
      const start = (slot & this.mask) << this.sizeLog;
      const buffer = new SlabBuffer(ab, start, size, this, slot, HELD);
      if (zero) fill.call(buffer, 0);
      this.top = top;
      return buffer;
    }

    push(buffer, top) {
      this.stack[top] = buffer;
      this.top = top + 1;
    }

    cache(slot) {
      const buffer = bufferOver(this, slot, this.size, FREED);
      this.stack[this.top++] = buffer;
    }

    slotAt(i) {
      return this.stack[i].#slot;
    }
  };

  static {
    lookLikeBuffers(SlabBuffer.prototype);
    stateOf = (value) => (isView(value) && #state in value ? value.#state : undefined);
    poolOf = (buffer) => buffer.#pool;

    const giveBack = (buffer, pool) => {
      if (pool.top >= pool.limit) pool.flushExcess(1);
      if (pool.limit > 0) {
        pool.push(buffer, pool.top);
      } else {
        pool.forget(buffer.#slot);
        if (pool.isStolen(buffer.#slot)) {
          pool.stolen++;
        } else {
          pool.giveUp(buffer.#slot);
          pool.claimed--;
        }
      }
      buffer.#state = FREED;
    };
    const wait = (buffer, pool) => {
      if (pool.operations === 0) return false;
      const slot = buffer.#slot;
      const start = (slot & pool.mask) << pool.sizeLog;
      const part = { start, stop: start + pool.size, buffer };
      if (!pool.guards[slot >>> pool.shift].wait(part)) return false;
      pool.forget(slot);
      pool.inFlight++;
      buffer.#state = IN_FLIGHT;
      return true;
    };
    const overSlotOf = (watched) => bufferOver(watched.#pool, watched.#slot, watched.length);
    const freeWatched = (watched, pool) => {
      giveBack(overSlotOf(watched), pool);
      watched.#state = FREED; // no call since the push
      try {
        observing.observer?.freed(watched, 'freed');
      } catch {} // at the stack's end
    };

    /**
     * Frees a Buffer if the cache is full, operations are in flight or it has no slot; throws if it
     * cannot be freed.
     */
    releaseSlow = (core, buffer, pool) => {
      if (!isHeld(core, buffer)) refuse(core, buffer);
      else if (buffer.#state === WATCHED) freeWatched(buffer, pool);
      else if (pool.size === 0) buffer.#state = FREED;
      else if (!wait(buffer, pool)) giveBack(buffer, pool);
    };

    /**
     * Takes back the slot of a Buffer that was freed while operations used it. Does nothing the
     * second time.
     */
    takeBack = (buffer) => {
      if (buffer.#state !== IN_FLIGHT) return;
      const pool = buffer.#pool;
      giveBack(buffer, pool);
      pool.inFlight--;
    };

    // No call after the one to the pool may throw: if send() throws, the caller must still have the
    // Buffer.
    send = (core, buffer) => {
      checkSendable(core, buffer);
      const pool = buffer.#pool;
      if (pool.isInFlight(buffer.#slot)) throw inFlight();
      const isWatched = buffer.#state === WATCHED;
      if (isWatched) overSlotOf(buffer).set(buffer);
      pool.forget(buffer.#slot);
      const token = core.call('send', pool.index, buffer.#slot, buffer.length);
      pool.claimed--;
      buffer.#state = SENT;
      try {
        if (isWatched) observing.observer?.freed(buffer, 'sent');
      } catch {} // at the stack's end
      return token;
    };
    watch = (buffer, ab, start) => {
      const { length } = buffer;
      const watched = new SlabBuffer(ab, start, length, buffer.#pool, buffer.#slot, WATCHED);
      buffer.#state = FREED;
      return watched;
    };
  }
}

const { release, CheckedPool, RecyclePool } = SlabBuffer;

/**
 * Counts slots as ever, and its Buffers have memory of the heap: see isDisabled(). send() copies it
 * into the slot.
 */
class HeapPool extends CheckedPool {
  take(size, zero) {
    const { buffer: ab } = fromHeap(size, zero, true);
    const buffer = super.take(size, false);
    return buffer === null ? null : watch(buffer, ab, 0);
  }
}

const buffers = freed.freedBuffers('slab', stateOf, poolOf);
const { isHeld, refuse } = buffers;

const inFlight = () =>
  new RallocError(
    'ERR_RALLOC_IN_USE',
    'An operation of Node still uses the Buffer. Send it when the operation is over: in its callback, or after its promise',
    { inUse: 1 },
  );

/** Throws unless the value is a Buffer of the slab that can be sent. */
function checkSendable(core, buffer) {
  if (buffer === null || typeof buffer !== 'object') {
    throw typeError('buffer', 'an instance of Buffer', buffer);
  }
  if (!isHeld(core, buffer)) refuse(core, buffer);
  if (poolOf(buffer).size === 0)
    throw freed.foreign('The Buffer has no bytes, so there is no slot to send');
  if (buffer.buffer.byteLength === 0) refuse(core, buffer);
}

/** Creates a Buffer over a slot: held, as one that came by token. */
function bufferOver(pool, slot, length, state = HELD) {
  const start = (slot & pool.mask) << pool.sizeLog;
  return new SlabBuffer(pool.segments[slot >>> pool.shift], start, length, pool, slot, state);
}

/** Creates a Buffer of length 0, which takes no slot. */
const emptyBuffer = (pool) => new SlabBuffer(freed.NO_BYTES, 0, 0, pool, 0, HELD);

module.exports = {
  ...buffers,
  CheckedPool,
  HeapPool,
  RecyclePool,
  release,
  takeBack,
  send,
  watch,
  bufferOver,
  emptyBuffer,
};
