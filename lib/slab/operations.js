'use strict';

// Operations of Node that use slots after their function returned (lib/guard/), of slabs with the option `guard`. A slot that
// is freed meanwhile waits here, and goes back to the cache when no operation uses it any more.
//
// While operations of a pool are in flight its `capacity` is 0, so that every free takes the slow path, which asks
// here; else nobody does, and an allocation or a free costs what it costs without the option.

const { tellsDeaths } = require('../base/dead.js');
const { deadError } = require('../base/errors.js');
const { watchOrphans } = require('../memory/orphaned-operations.js');
const idle = require('../memory/idle.js');
const { deathOf, takeBack } = require('./buffer.js');
const { detachSegment } = require('./segments.js');

/** Operations on one slot, of which there can be many at once, or one on several slots. */
class Operations {
  count = 0;
  next = null; // in core.over
  isWatched = false; // by memory/orphaned-operations.js

  constructor(guard, first, last) {
    this.guard = guard;
    this.first = first; // a slot of the segment
    this.last = last;
    const end = () => guard.end(this, 1);
    // Before the operation's callback: there the Buffer can be sent, and a free finds nothing in flight.
    end.isFirst = true;
    this.end = new WeakRef(end); // who runs the operation has it
  }
}

tellsDeaths(deathOf); // to functions of ralloc's own

const nothing = () => {};

/** What is in flight in a segment. It is the `kHolder` of its ArrayBuffer: see base/protocol.js. */
class SegmentGuard {
  operations = 0; // in flight
  watched = false; // by idle.js
  #pool;
  #index;
  #ab; // for close(), after which the pool has it no more
  #bySlot = new Map(); // slot → the Operations on it alone
  #wide = new Set(); // Operations on several slots
  #waiting = new Map(); // slot → its Buffer, which was freed

  constructor(pool, index, ab) {
    this.#pool = pool;
    this.#index = index;
    this.#ab = ab;
  }

  /** How its Buffers died, once they are dead. */
  get death() {
    return this.#pool.core.isLive ? 'transferred' : 'slab';
  }

  /** Whether `view` is a Buffer whose slot may be somebody else's. */
  isFreed(view) {
    return deathOf(view) !== undefined;
  }

  take(view, kind) {
    const pool = this.#pool;
    const { core, sizeLog } = pool;
    const { byteLength: bytes, byteOffset: start } = view;
    const death = this.#ab.byteLength === 0 ? this.death : deathOf(view);
    if (death !== undefined) throw deadError(undefined, death);
    if (bytes === 0) return nothing;
    if (core.over !== null) finishOperations(core);
    const operations = this.#on(start >>> sizeLog, (start + bytes - 1) >>> sizeLog);
    const end = operations.end.deref();
    core.guarded.count(kind, bytes);
    operations.count++; // no call from here on
    this.operations++;
    pool.operations++;
    pool.capacity = 0;
    return end;
  }

  #on(first, last) {
    let operations = first === last ? this.#bySlot.get(first) : undefined;
    if (operations !== undefined) {
      if (operations.end.deref() !== undefined) return operations;
      this.end(operations, operations.count);
    }
    operations = new Operations(this, first, last);
    if (first === last) this.#bySlot.set(first, operations);
    else this.#wide.add(operations);
    return operations;
  }

  /** `count` of the operations are over. */
  end(operations, count) {
    if (operations.count === 0) return; // called twice
    const pool = this.#pool;
    operations.count -= count;
    this.operations -= count;
    pool.operations -= count;
    if (pool.operations === 0) pool.capacity = pool.limit;
    if (operations.count > 0) return;
    operations.next = pool.core.over;
    pool.core.over = operations; // no call until here
    finishOperations(pool.core);
  }

  /** How many slots wait, for audits. */
  get waiting() {
    return this.#waiting.size;
  }

  /** Whether an operation uses a slot. */
  covers(slot) {
    if (this.#bySlot.get(slot)?.count > 0) return true;
    if (this.#wide.size === 0) return false;
    for (const { count, first, last } of this.#wide) {
      if (count > 0 && first <= slot && slot <= last) return true;
    }
    return false;
  }

  /** `buffer` was freed while an operation uses its slot. */
  wait(slot, buffer) {
    if (!this.watched) idle.watch(this);
    this.#waiting.set(slot, buffer);
  }

  /** Called by the idle timer; returns whether it goes on. */
  tick() {
    for (const slot of this.#waiting.keys()) {
      const alone = this.#bySlot.get(slot);
      if (alone !== undefined) watchOrphans(alone);
      for (const wide of this.#wide)
        if (wide.first <= slot && slot <= wide.last) watchOrphans(wide);
    }
    return this.#waiting.size > 0;
  }

  /** Can be called again for what was cut off. */
  finish(operations) {
    const { first, last } = operations;
    const pool = this.#pool;
    if (!pool.core.isLive) {
      if (this.operations === 0) detachSegment(pool, this.#ab, this.#index);
      pool.core.leave();
    } else if (first === last) {
      this.#bySlot.delete(first);
      this.#takeBack(first, this.#waiting.get(first));
    } else {
      this.#wide.delete(operations);
      for (const [slot, buffer] of this.#waiting) {
        if (first <= slot && slot <= last) this.#takeBack(slot, buffer);
      }
    }
  }

  #takeBack(slot, buffer) {
    if (buffer === undefined || this.covers(slot)) return;
    takeBack(buffer);
    this.#waiting.delete(slot);
  }
}

/** Does what there is to do after operations that are over. */
function finishOperations(core) {
  while (core.over !== null) {
    const operations = core.over;
    operations.guard.finish(operations);
    core.over = operations.next;
  }
}

module.exports = { SegmentGuard, finishOperations };
