'use strict';

// The window {ab, cursor, end} over one span, and how it moves to the next. Its arena (arena.js) bumps its cursor.

const check = require('../base/validate.js');
const { Checkpoint } = require('./checkpoint.js');
const { LIVE, RELEASED, allocOnHeap, dischargeHeap, isReleased } = require('./life.js');
const { extend, giveBack, openedSince, pieceSize, retract, usedOf } = require('./room.js');
const { lazy } = require('../base/lazy.js');
const { observing } = require('../base/observer.js');
const { view } = require('../base/views.js');
const { FastBuffer } = require('../base/runtime.js');

const epochs = lazy(() => require('./epoch.js'));

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
  state;
  epoch = null; // made by the first span, checkpoint or hold
  resets = 0;
  #resetsAtReserve = -1; // `resets` at the last reserve(): its window stays in this epoch
  #resetsAtIdleTick = -1; // `resets` at the last idle tick
  #span = null;
  #bytes = null; // a Buffer over the whole window, to write strings through
  #isSealed = false; // a checkpoint stands: what comes after it takes spans of its own

  constructor(owner, isScope, state) {
    this.owner = owner;
    this.isScope = isScope;
    this.state = state;
    this.mask = owner.settings.align - 1;
  }

  // An allocation that the open window cannot serve. Throws before anything changes.
  allocSlow(size, zero) {
    check.integer(size, 'size', 0, Number.MAX_SAFE_INTEGER);
    const released = isReleased(this);
    if (size === 0) return new FastBuffer();
    if (released || this.owner.usesHeap) return allocOnHeap(this, size, zero);
    this.#settle();
    if (size > this.end - this.cursor && !this.extend(size)) {
      const aside = this.#open(size, true, zero);
      if (aside !== undefined) return aside ?? allocOnHeap(this, size, zero);
    }
    const start = this.cursor;
    const buffer = view(this.ab, start, size, zero && start < this.cleanFrom);
    this.cursor = start + size + (-size & this.mask);
    return buffer;
  }

  extend(size) {
    if (this.#isSealed || !extend(this.#span, this.cursor, size, this.owner)) return false;
    this.end = this.#span.end;
    return true;
  }

  /**
   * Takes a span with room for `size` bytes and opens the window over it; with `keepWindow` an oversize one, for a single Buffer,
   * which is returned, leaves a window open that has room left. Null when the heap is to serve instead. Where a call throws, the
   * window is as before, or at the limit another one of its size.
   */
  #open(size, keepWindow, zero) {
    const { end, owner } = this;
    const before = this.#span;
    const left = this.retract();
    const epoch = this.openEpoch();
    let [usual, span] = [0, undefined];
    try {
      if (size > owner.room) owner.makeRoom(size);
      this.releaseUnused();
      const opened = openedSince(epoch, 0);
      const isChunk = !this.isScope && !this.#isSealed;
      usual = isChunk ? owner.nextChunkSize(opened) : pieceSize(Checkpoint.spansSince(epoch));
      span = epoch.acquire(size, usual, isChunk);
    } finally {
      if (span === undefined || span instanceof Error) this.#restore(before, end);
    }
    if (span instanceof Error) throw span;
    if (span === null) return null;
    if (keepWindow && size > usual && this.#span !== null && left >= usual >>> 3) {
      const buffer = view(span.ab, 0, size, zero && span.cleanFrom > 0);
      epoch.add(span, size, usual);
      span.used = size;
      return buffer;
    }
    this.#sync();
    epoch.add(span, size, usual);
    this.#set(span, 0, span.end, span.cleanFrom);
    return undefined;
  }

  /** After a refusal. Where that is refused too, the next allocation opens another window. */
  #restore(before, end) {
    try {
      if (this.#span !== before && end > 0) this.#open(end, false, false);
      else if (end > this.end) this.extend(end - this.cursor);
    } catch {}
  }

  /** Bytes that are left in the open window's span, which are not charged any more. */
  retract() {
    if (this.#span === null || this.#isSealed) return 0;
    retract(this.#span, this.cursor, this.owner);
    this.end = this.#span.end;
    return this.#span.size - this.cursor;
  }

  /** Gives back what is charged ahead of its use, after checkpoints too. With `seals` what comes next takes a new span. */
  retractAll(seals) {
    Checkpoint.retract(this.epoch?.checkpoints, this.owner, seals);
    if (this.#span === null || (seals && this.releaseUnused())) return;
    if (seals) this.#seal();
    else this.retract();
  }

  /** Goes on behind what `span`, of its epoch, has handed out. */
  continueIn(span) {
    this.#sync();
    this.#set(span, span.used + (-span.used & this.mask), span.end, span.cleanFrom);
  }

  openEpoch() {
    this.epoch ??= new (epochs().Epoch)(this.owner);
    return this.epoch;
  }

  /** A window that nothing was handed out of, as after a reset, is not in the way of a larger one. False if it was. */
  releaseUnused() {
    const span = this.#span;
    if (span === null || this.cursor !== 0 || this.#isSealed) return false;
    this.#sync();
    this.#set(null, 0, 0, 0);
    giveBack(span, this.epoch, this.owner);
    return true;
  }

  /** Makes room for others of its owner, unless that was reserved in this epoch. Scopes, which may be many, keep their pieces charged. */
  giveWay() {
    if (this.#resetsAtReserve === this.resets) return;
    if (!this.releaseUnused() && !this.isScope) this.retract();
  }

  /** Called once a second: a window that nothing was handed out of since a reset before goes back. */
  idleTick() {
    const idle = this.resets === this.#resetsAtIdleTick && this.#resetsAtReserve !== this.resets;
    this.#resetsAtIdleTick = this.resets;
    if (idle) this.releaseUnused();
  }

  // Written in place and measured by that: to ask for its byteLength first takes as long as to write it.
  /** A string in UTF-8, if it fits into the open window however long its characters are; else null. */
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

  #sync() {
    if (this.#span !== null) this.#span.used = Math.min(this.cursor, this.#span.size);
  }

  allocated() {
    this.#sync();
    return usedOf(this.epoch);
  }

  /** Makes right what was cut off, and drops what was stolen. */
  #settle() {
    const { pool } = this.owner;
    pool.settleCutOff();
    if (this.#span === null || this.ab.byteLength !== 0) return;
    pool.retireStolen(this.#span);
    this.#seal(); // what it handed out stays charged, and not all that went with it
  }

  /** What comes next takes another span. */
  #seal() {
    this.#sync();
    retract(this.#span, this.cursor, this.owner);
    this.#set(null, 0, 0, 0);
    this.epoch.cutShort++;
  }

  reserve(bytes) {
    check.integer(bytes, 'bytes', 0, Number.MAX_SAFE_INTEGER);
    if (isReleased(this) || this.owner.usesHeap) return;
    this.#settle();
    if (bytes > this.end - this.cursor && !this.extend(bytes)) this.#open(bytes, false, false);
    this.#resetsAtReserve = this.resets;
  }

  checkpoint() {
    if (isReleased(this)) return new Checkpoint(this, { heapBytes: this.heapBytes });
    this.owner.pool.settleCutOff(); // spans that are to go do not count
    const epoch = this.openEpoch();
    const { cursor, end, cleanFrom, heapBytes } = this;
    const [span, spanCount, isSealed] = [this.#span, epoch.spans.length, this.#isSealed];
    const position = { span, cursor, end, cleanFrom, spanCount, isSealed, heapBytes };
    const checkpoint = new Checkpoint(this, position);
    epoch.checkpoints ??= [];
    epoch.checkpoints.push(checkpoint);
    this.#isSealed = true; // lazy: only an allocation after this costs a span
    this.end = 0;
    return checkpoint;
  }

  rewind(checkpoint) {
    if (isReleased(this)) return dischargeHeap(this, Checkpoint.heapBytesOf(checkpoint, this));
    const epoch = this.epoch;
    const saved = Checkpoint.positionOf(checkpoint, this, epoch?.checkpoints);
    const { pool } = this.owner;
    pool.settleCutOff();
    this.#sync();
    this.#set(saved.span, saved.cursor, saved.end, saved.cleanFrom);
    this.#isSealed = saved.isSealed;
    epoch.checkpoints.length = epoch.checkpoints.indexOf(checkpoint);
    epoch.claims = epoch.claimsWith(null);
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
    const { pool, settings } = owner;
    if (pool.pending !== 0) return false;
    if (epoch === null) return true;
    const span = this.#span;
    if (!epoch.plain || epoch.spans.length !== 1 || span === null) return false;
    if (span.operations > 0) return false;
    observing.observer?.ended(epoch, 0, owner);
    this.#sync();
    if (settings.safety === 'gc' || !pool.detachAndReuse(span, settings)) return false;
    this.ab = span.ab;
    this.#bytes = null;
    this.cleanFrom = span.cleanFrom;
    this.cursor = 0;
    return true;
  }

  /** Ends the epoch, and its Buffers by `death`; what `claims` are on waits. Not `finished`: operations may still use its bytes. */
  clear(finished, death, claims) {
    const { epoch, owner } = this;
    const { pool } = owner; // of a request by a getter: were it cut off below, before `pending`, nobody would finish the epoch
    dischargeHeap(this, 0);
    this.#sync();
    this.#set(null, 0, 0, 0);
    this.epoch = null;
    this.#isSealed = false;
    if (epoch === null) return;
    epoch.finished = finished;
    epoch.claims = claims;
    epoch.death = death;
    epoch.cutAt = 0;
    pool.pending++;
    epoch.finish();
    pool.pending--;
  }
}

// What stands for the window of an arena that nobody has used, as most handlers leave theirs. One of its own would cost such a
// request 50 of 330 ns. Nothing fits into these, so the hot path falls through to the slow one, which makes the arena's own.
// Nothing is ever written to them.

const nobody = { settings: { align: 1 } };

const UNUSED = new Window(nobody, false, LIVE);
const UNUSED_RELEASED = new Window(nobody, false, RELEASED);

const isStandIn = (window) => window === UNUSED || window === UNUSED_RELEASED;

module.exports = { UNUSED, UNUSED_RELEASED, Window, isStandIn };
