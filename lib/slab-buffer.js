'use strict';

// The hot path of slabs: SlabBuffer, which only private fields tell from a Buffer, and the two kinds of pools
// that hand it out. Its mark makes every wrong free an error without a native call.

const { RallocError, typeError } = require('./errors.js');
const { FastBuffer } = require('./runtime.js');
const { Pool } = require('./slab-pool.js');

// Marks of a Buffer that has no slot any more, all negative. Slots are below 2^30.
const freed = (slot) => ~slot;
const sent = (slot) => ~slot - 2 ** 30;
const isSent = (mark) => mark < -(2 ** 30);

let markOf;
let poolOf;
let setMark;

class SlabBuffer extends FastBuffer {
  #pool;
  #slot; // while it is handed out; else one of the marks above

  constructor(ab, offset, length, pool, slot) {
    super(ab, offset, length);
    this.#pool = pool;
    this.#slot = slot;
  }

  /** Frees it, unless that has happened. */
  [Symbol.dispose]() {
    if (this.#slot >= 0 && this.#pool.core.isLive) release(this.#pool.core, this);
  }

  // 4 ns with `put`. `typeof` and null first, since `in` throws an untyped error for what is no object.
  static release(core, buffer) {
    if (typeof buffer !== 'object' || buffer === null || !(#slot in buffer)) {
      return refuse(core, buffer);
    }
    const slot = buffer.#slot;
    const pool = buffer.#pool;
    const { top } = pool;
    if (slot < 0 || pool.core !== core || top >= pool.room) {
      return releaseSlow(core, buffer, pool, slot);
    }
    buffer.#slot = ~slot;
    pool.put(buffer, slot, top);
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
      return new SlabBuffer(ab, (slot & this.mask) << this.sizeLog, size, this, slot);
    }

    put(_buffer, slot, top) {
      this.stack[top] = slot;
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
      buffer.#slot = ~buffer.#slot;
      return buffer;
    }

    /** Of another length than last time; or its memory was taken, and then it has the length 0. */
    #resized(top, size) {
      const slot = this.slotAt(top);
      const ab = this.segments[slot >>> this.shift];
      if (ab.byteLength === 0) return null;
      this.top = top;
      return new SlabBuffer(ab, (slot & this.mask) << this.sizeLog, size, this, slot);
    }

    put(buffer, _slot, top) {
      this.stack[top] = buffer;
      this.top = top + 1;
    }

    cache(slot) {
      const ab = this.segments[slot >>> this.shift];
      const start = (slot & this.mask) << this.sizeLog;
      this.stack[this.top++] = new SlabBuffer(ab, start, this.size, this, freed(slot));
    }

    slotAt(i) {
      return ~this.stack[i].#slot;
    }
  };

  static {
    Object.defineProperty(SlabBuffer.prototype, 'constructor', {
      value: Buffer,
      writable: true,
      configurable: true,
    });
    markOf = (value) =>
      typeof value === 'object' && value !== null && #slot in value ? value.#slot : undefined;
    poolOf = (buffer) => buffer.#pool;
    setMark = (buffer, mark) => {
      buffer.#slot = mark;
    };
  }
}

const { release, CheckedPool, RecyclePool } = SlabBuffer;

/** A free beyond the cache's room, of a Buffer without a slot, or of one that cannot be freed. */
function releaseSlow(core, buffer, pool, slot) {
  if (slot < 0 || pool.core !== core || !core.isLive) return refuse(core, buffer);
  setMark(buffer, freed(slot));
  if (pool.size === 0) return;
  pool.put(buffer, slot, pool.top);
  pool.overflow();
}

const FREED =
  'The Buffer was freed before. Keep one owner for each Buffer, and drop the reference when it is freed';
const SENT = 'The Buffer was sent: whoever receives its token frees it';
const OTHER = 'The Buffer is of another slab';
const VIEW = 'The Buffer is a view of a slab Buffer. Free the one that alloc() gave';
const NONE = 'The Buffer is of no slab';
const TAKEN = "The Buffer's memory was transferred away";

const foreign = (message) => new RallocError('ERR_RALLOC_FOREIGN_BUFFER', message);

/** Throws what is wrong with a Buffer that should be one of the slab's in somebody's hands. */
function refuse(core, buffer) {
  if (buffer === null || buffer === undefined) return;
  const mark = markOf(buffer);
  if (mark === undefined) {
    if (!ArrayBuffer.isView(buffer)) {
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
  if (mark < 0) throw new RallocError('ERR_RALLOC_DOUBLE_FREE', isSent(mark) ? SENT : FREED);
  core.checkLive();
  throw foreign(TAKEN);
}

/** Whether a free would take it. */
const isHeld = (core, value) => markOf(value) >= 0 && poolOf(value).core === core && core.isLive;

/** Sends a Buffer of the slab: its token. */
function send(core, buffer) {
  if (buffer === null || typeof buffer !== 'object') {
    throw typeError('buffer', 'an instance of Buffer', buffer);
  }
  if (!isHeld(core, buffer)) throw refuse(core, buffer);
  const pool = poolOf(buffer);
  const slot = markOf(buffer);
  if (pool.size === 0) throw foreign('The Buffer has no bytes, and so no slot to send');
  if (buffer.buffer.byteLength === 0) throw refuse(core, buffer);
  const token = core.call('send', pool.index, slot, buffer.length);
  pool.resign(slot);
  setMark(buffer, sent(slot));
  return token;
}

/** A Buffer in somebody's hands, over a slot that this thread has acquired. */
function hold(pool, slot, length) {
  const start = (slot & pool.mask) << pool.sizeLog;
  return new SlabBuffer(pool.segments[slot >>> pool.shift], start, length, pool, slot);
}

const NOTHING = new ArrayBuffer(0);

/** A Buffer of no bytes, which takes no slot. */
const empty = (pool) => new SlabBuffer(NOTHING, 0, 0, pool, 0);

module.exports = { CheckedPool, RecyclePool, release, isHeld, send, hold, empty, slotOf: markOf };
