'use strict';

// The window {ab, cursor, end} over one span, and how it moves to the next. Its arena (arena.js) bumps its cursor.

const check = require('../base/validate.js');
const { Checkpoint } = require('./checkpoint.js');
const { Epoch } = require('./epoch.js');
const { LIVE, allocOnHeap, dischargeHeap, isReleased } = require('./life.js');
const { extend, retract } = require('./room.js');
const { FastBuffer } = require('../base/runtime.js');

const { fill } = Uint8Array.prototype;

const CUT_SPAN = 16 * 1024; // bytes of the first span that is cut from a chunk for a checkpoint or a scope

function view(ab, start, size, zero) {
  const buffer = new FastBuffer(ab, start, size);
  return zero ? fill.call(buffer, 0) : buffer;
}

class Window {
  // The hot path in arena.js reads and writes these. While a window is open its span's own fields are behind.
  ab = null;
  cursor = 0; // where the next allocation starts, aligned; may lie past the end by the last one's padding
  end = 0; // 0 without a span, and after a checkpoint: then the next allocation takes the slow path
  cleanFrom = 0; // bytes from here on were never handed out, and are zero
  mask; // alignment - 1

  owner;
  isScope; // of a scope: takes small spans, cut from a chunk
  heapBytes = 0; // see life.js
  state = LIVE;
  epoch = null; // made by the first span, checkpoint or hold
  resets = 0;
  #resetsAtReserve = -1; // `resets` at the last reserve(): its window stays in this epoch
  #resetsAtIdleTick = -1; // `resets` at the last idle tick
  #span = null;
  #bytes = null; // a Buffer over the whole window, to write strings through
  #isSealed = false; // a checkpoint stands: what comes after it takes spans of its own

  constructor(owner, isScope) {
    this.owner = owner;
    this.isScope = isScope;
    this.mask = owner.settings.align - 1;
  }

  // An allocation that the open window cannot serve. Throws before anything changes.
  allocSlow(size, zero) {
    check.integer(size, 'size', 0, Number.MAX_SAFE_INTEGER);
    const released = isReleased(this);
    if (size === 0) return new FastBuffer();
    if (released || this.owner.usesHeap) return allocOnHeap(this, size, zero);
    this.owner.pool.settleCutOff();
    this.#dropStolen();
    if (size > this.end - this.cursor && !this.#extend(size)) {
      const aside = this.#open(size, true, zero);
      if (aside === null) return allocOnHeap(this, size, zero);
      if (aside !== undefined) return aside;
    }
    const start = this.cursor;
    const buffer = view(this.ab, start, size, zero && start < this.cleanFrom);
    this.cursor = start + size + (-size & this.mask);
    return buffer;
  }

  #extend(size) {
    if (this.#isSealed || !extend(this.#span, this.cursor, size, this.owner)) return false;
    this.end = this.#span.end;
    return true;
  }

  /**
   * Takes a span with room for `size` bytes and opens the window over it; with `keepWindow` an oversize one,
   * for a single Buffer, which is returned, leaves a window open that has room left. Null when the heap is to
   * serve instead. Where a call throws, the window is as before, or at the limit another one of its size.
   */
  #open(size, keepWindow, zero) {
    const unused = this.releaseUnused();
    const left = this.#left();
    const epoch = this.openEpoch();
    const opened = epoch.spans.length;
    const isChunk = !this.isScope && !this.#isSealed;
    const pieces = opened - Checkpoint.spansBefore(epoch.checkpoints); // of this checkpoint, or this scope
    const usual = isChunk ? this.owner.nextChunkSize(opened) : CUT_SPAN << Math.min(pieces, 4);
    let span;
    try {
      span = epoch.acquire(size, usual, isChunk);
    } catch (error) {
      if (unused > 0) this.#open(unused, false, false);
      throw error;
    }
    if (span === null) return null;
    if (keepWindow && size > usual && left >= usual >>> 3) {
      const buffer = view(span.ab, 0, size, zero && span.cleanFrom > 0);
      epoch.add(span, size, usual);
      span.used = size;
      return buffer;
    }
    this.#sync();
    epoch.add(span, size, usual);
    this.#bytes = null;
    this.#span = span;
    this.ab = span.ab;
    this.cursor = 0;
    this.end = span.end;
    this.cleanFrom = span.cleanFrom;
    return undefined;
  }

  /** Bytes that are left in the open window's span, which are not charged any more. */
  #left() {
    if (this.#span === null || this.#isSealed) return 0;
    retract(this.#span, this.cursor, this.owner);
    this.end = this.#span.end;
    return this.#span.size - this.cursor;
  }

  openEpoch() {
    this.epoch ??= new Epoch(this.owner);
    return this.epoch;
  }

  /** A window that nothing was handed out of, as after a reset, is not in the way of a larger one: its bytes. */
  releaseUnused() {
    const span = this.#span;
    if (span === null || this.cursor !== 0 || this.#isSealed) return 0;
    const { pool } = this.owner;
    const { end } = span;
    const index = this.epoch.spans.indexOf(span);
    this.#sync();
    this.#set(null, 0, 0, 0);
    pool.pending++;
    this.owner.discharge(span.end);
    span.end = 0;
    this.epoch.spans.splice(index, 1);
    span.home = null;
    pool.release(span);
    pool.pending--;
    return end;
  }

  /** Called once a second: a window that nothing was handed out of since a reset before goes back. */
  idleTick() {
    const idle = this.resets === this.#resetsAtIdleTick && this.#resetsAtReserve !== this.resets;
    this.#resetsAtIdleTick = this.resets;
    if (idle) this.releaseUnused();
  }

  /**
   * A string in UTF-8, if it fits into the open window however long its characters are; else null. Written
   * in place and measured by that: to ask for its byteLength first takes as long as to write it.
   */
  writeUtf8(string) {
    const { ab, cursor: start } = this;
    const most = string.length * 3;
    if (most === 0 || start + most > this.end || ab.byteLength === 0) return null;
    this.#bytes ??= new FastBuffer(ab);
    const size = this.#bytes.write(string, start, most);
    this.cursor = start + size + (-size & this.mask);
    return new FastBuffer(ab, start, size);
  }

  #set(span, cursor, end, cleanFrom) {
    this.#bytes = null;
    const open = span !== null && span.ab !== null;
    this.#span = open ? span : null;
    this.ab = open ? span.ab : null;
    this.cursor = open ? cursor : 0;
    this.end = open ? end : 0;
    this.cleanFrom = cleanFrom;
  }

  /** Writes the window back to its span. */
  #sync() {
    const span = this.#span;
    if (span !== null) span.used = Math.min(this.cursor, span.size);
  }

  /** Bytes handed out in this epoch, with the padding between. */
  allocated() {
    if (this.epoch === null) return 0;
    this.#sync();
    let bytes = 0;
    for (const span of this.epoch.spans) if (span.ab !== null) bytes += span.used;
    return bytes;
  }

  #dropStolen() {
    if (this.#span === null || this.ab.byteLength !== 0) return;
    this.#sync();
    this.owner.pool.retireStolen(this.#span);
    this.#set(null, 0, 0, 0);
  }

  reserve(bytes) {
    check.integer(bytes, 'bytes', 0, Number.MAX_SAFE_INTEGER);
    if (isReleased(this) || this.owner.usesHeap) return;
    this.owner.pool.settleCutOff();
    this.#dropStolen();
    if (bytes > this.end - this.cursor && !this.#extend(bytes)) this.#open(bytes, false, false);
    this.#resetsAtReserve = this.resets;
  }

  checkpoint() {
    if (isReleased(this)) return new Checkpoint(this, { heapBytes: this.heapBytes });
    const epoch = this.openEpoch();
    const checkpoint = new Checkpoint(this, {
      span: this.#span,
      cursor: this.cursor,
      end: this.end,
      cleanFrom: this.cleanFrom,
      spanCount: epoch.spans.length,
      isSealed: this.#isSealed,
      heapBytes: this.heapBytes,
    });
    epoch.checkpoints ??= [];
    epoch.checkpoints.push(checkpoint);
    // Lazy: only an allocation after this costs a span.
    this.#isSealed = true;
    this.end = 0;
    return checkpoint;
  }

  rewind(checkpoint) {
    if (isReleased(this)) return dischargeHeap(this, Checkpoint.heapBytesOf(checkpoint, this));
    const epoch = this.epoch;
    const saved = Checkpoint.positionOf(checkpoint, this, epoch?.checkpoints);
    const index = epoch.checkpoints.indexOf(checkpoint);
    const { pool } = this.owner;
    pool.settleCutOff();
    this.#sync();
    this.#set(saved.span, saved.cursor, saved.end, saved.cleanFrom);
    this.#isSealed = saved.isSealed;
    epoch.checkpoints.length = index;
    epoch.finished = true;
    epoch.death = 'rewind';
    epoch.cutAt = saved.spanCount;
    pool.pending++;
    epoch.finish();
    pool.pending--;
    dischargeHeap(this, saved.heapBytes);
  }

  /** Begins a new epoch in place, without a call to Rust. False unless it has one span, and nobody waits for it. */
  reuseInPlace() {
    const { epoch, owner } = this;
    const { pool } = owner;
    if (pool.pending !== 0) return false;
    if (epoch === null) return true;
    const span = this.#span;
    if (!epoch.plain || epoch.spans.length !== 1 || span === null || span.operations > 0)
      return false;
    this.#sync();
    if (!pool.reusesAtOnce || !pool.detachAndReuse(span)) return false;
    this.ab = span.ab;
    this.#bytes = null;
    this.cleanFrom = span.cleanFrom;
    this.cursor = 0;
    return true;
  }

  /** Ends the epoch, and its Buffers by `death`. Not `finished`: operations may still use its bytes. */
  clear(finished, death) {
    const { epoch, owner } = this;
    dischargeHeap(this, 0);
    this.#sync();
    this.#set(null, 0, 0, 0);
    this.epoch = null;
    this.#isSealed = false;
    if (epoch === null) return;
    epoch.finished = finished;
    epoch.death = death;
    epoch.cutAt = 0;
    owner.pool.pending++;
    epoch.finish();
    owner.pool.pending--;
  }
}

module.exports = { Window };
