'use strict';

// The hot path of slabs: SlabBuffer, which only private fields tell from a Buffer, and the two kinds of pools
// that hand it out. Its state makes every wrong free an error without a native call.

const { RallocError, typeError } = require('../base/errors.js');
const { FastBuffer } = require('../base/runtime.js');
const { Pool } = require('./pool.js');

const { isView } = ArrayBuffer;

// What a Buffer is. Only ever stored: to make a new state out of the old one costs 2 ns, for the load waits for
// the store before it.
const FREED = 0;
const HELD = 1;
const SENT = 2;

let stateOf;
let poolOf;
let slotOf;
let setState;

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

  /** Frees it, unless that has happened. */
  [Symbol.dispose]() {
    if (this.#state === HELD && this.#pool.core.isLive) release(this.#pool.core, this);
  }

  // `in` throws an untyped error for what is no object; isView() is quicker to say so than `typeof` on Node 26.
  static release(core, buffer) {
    if (!isView(buffer) || !(#state in buffer)) return refuse(core, buffer);
    const pool = buffer.#pool;
    const { top } = pool;
    if (buffer.#state !== HELD || pool.core !== core || top >= pool.room) {
      return releaseSlow(core, buffer, pool);
    }
    buffer.#state = FREED;
    pool.put(buffer, top);
  }

  // In both kinds the stack is as long as it can get (Pool): a store that may have to grow it costs 2 ns
  // more. The same for a count of what was ever cached, hence the floor.

  /** A new Buffer object for each allocation. The stack holds slots. */
  static CheckedPool = class CheckedPool extends Pool {
    filler = 0;

    // `ab.byteLength` is 0 when the ArrayBuffer was taken: 4 ns, where a try/catch around `new` costs 10.
    take(size) {
      const top = this.top - 1;
      if (top < this.floor) {
        if (top < 0) return null;
        this.dip(top);
      }
      const slot = this.stack[top];
      const ab = this.segments[slot >>> this.shift];
      if (ab.byteLength === 0) return null;
      this.top = top;
      return new SlabBuffer(ab, (slot & this.mask) << this.sizeLog, size, this, slot, HELD);
    }

    put(buffer, top) {
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

  /** One Buffer object for each slot, used again for the same length. The stack holds the objects. */
  static RecyclePool = class RecyclePool extends Pool {
    filler = null;

    take(size) {
      const top = this.top - 1;
      if (top < this.floor) {
        if (top < 0) return null;
        this.dip(top);
      }
      const buffer = this.stack[top];
      if (buffer.length !== size) return this.#resized(top, size);
      this.top = top;
      buffer.#state = HELD;
      return buffer;
    }

    /** Of another length than last time; or its memory was taken, and then it has the length 0. */
    #resized(top, size) {
      const slot = this.slotAt(top);
      const ab = this.segments[slot >>> this.shift];
      if (ab.byteLength === 0) return null;
      this.top = top;
      return new SlabBuffer(ab, (slot & this.mask) << this.sizeLog, size, this, slot, HELD);
    }

    put(buffer, top) {
      this.stack[top] = buffer;
      this.top = top + 1;
    }

    cache(slot) {
      const ab = this.segments[slot >>> this.shift];
      const start = (slot & this.mask) << this.sizeLog;
      this.stack[this.top++] = new SlabBuffer(ab, start, this.size, this, slot, FREED);
    }

    slotAt(i) {
      return this.stack[i].#slot;
    }
  };

  static {
    Object.defineProperty(SlabBuffer.prototype, 'constructor', {
      value: Buffer,
      writable: true,
      configurable: true,
    });
    stateOf = (value) => (isView(value) && #state in value ? value.#state : undefined);
    poolOf = (buffer) => buffer.#pool;
    slotOf = (buffer) => buffer.#slot;
    setState = (buffer, state) => {
      buffer.#state = state;
    };
  }
}

const { release, CheckedPool, RecyclePool } = SlabBuffer;

/** A free beyond the cache's room, of a Buffer without a slot, or of one that cannot be freed. */
function releaseSlow(core, buffer, pool) {
  if (!isHeld(core, buffer)) return refuse(core, buffer);
  setState(buffer, FREED);
  if (pool.size === 0) return;
  pool.put(buffer, pool.top);
  pool.overflow();
}

const WAS_FREED =
  'The Buffer was freed before. Keep one owner for each Buffer, and drop the reference when it is freed';
const WAS_SENT = 'The Buffer was sent: whoever receives its token frees it';
const OTHER = 'The Buffer is of another slab';
const VIEW = 'The Buffer is a view of a slab Buffer. Free the one that alloc() gave';
const NONE = 'The Buffer is of no slab';
const TAKEN = "The Buffer's memory was transferred away";

const foreign = (message) => new RallocError('ERR_RALLOC_FOREIGN_BUFFER', message);

/** Throws what is wrong with a Buffer that should be one of the slab's in somebody's hands. */
function refuse(core, buffer) {
  if (buffer === null || buffer === undefined) return;
  const state = stateOf(buffer);
  if (state === undefined) {
    if (!isView(buffer)) {
      throw typeError('buffer', 'an instance of Buffer', buffer);
    }
    core.refused++;
    throw foreign(core.hasSegment(buffer.buffer) ? VIEW : NONE);
  }
  const pool = poolOf(buffer);
  if (pool.core !== core) {
    core.refused++;
    throw foreign(OTHER);
  }
  pool.refused++;
  if (state === FREED) throw new RallocError('ERR_RALLOC_DOUBLE_FREE', WAS_FREED);
  if (state === SENT) throw new RallocError('ERR_RALLOC_DOUBLE_FREE', WAS_SENT);
  core.checkLive();
  throw foreign(TAKEN);
}

/** Whether a free would take it. */
const isHeld = (core, value) =>
  stateOf(value) === HELD && poolOf(value).core === core && core.isLive;

/** Sends a Buffer of the slab: its token. */
function send(core, buffer) {
  if (buffer === null || typeof buffer !== 'object') {
    throw typeError('buffer', 'an instance of Buffer', buffer);
  }
  if (!isHeld(core, buffer)) throw refuse(core, buffer);
  const pool = poolOf(buffer);
  const slot = slotOf(buffer);
  if (pool.size === 0) throw foreign('The Buffer has no bytes, and so no slot to send');
  if (buffer.buffer.byteLength === 0) throw refuse(core, buffer);
  const token = core.call('send', pool.index, slot, buffer.length);
  pool.resign(slot);
  setState(buffer, SENT);
  return token;
}

/** A Buffer in somebody's hands, over a slot that this thread has acquired. */
function hold(pool, slot, length) {
  const start = (slot & pool.mask) << pool.sizeLog;
  return new SlabBuffer(pool.segments[slot >>> pool.shift], start, length, pool, slot, HELD);
}

const NOTHING = new ArrayBuffer(0);

/** A Buffer of no bytes, which takes no slot. */
const empty = (pool) => new SlabBuffer(NOTHING, 0, 0, pool, 0, HELD);

module.exports = { CheckedPool, RecyclePool, release, isHeld, send, hold, empty, slotOf };
