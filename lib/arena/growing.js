'use strict';

// A Buffer that grows while its bytes arrive, and whose end nobody knows: an announced length may be a lie. What it leases is at
// most 8 times what came. It begins in the open window and grows there in place, as long as nothing else is allocated behind it and the
// span has room; then in a span for itself, which is given back where a larger one takes its place. (To double it costs 3 to 4
// times as much, and twice the bytes.)

const { deadError } = require('../base/errors.js');
const { view } = require('../base/views.js');
const { FastBuffer } = require('../base/runtime.js');
const { Refusal } = require('../memory/refusal.js');
const {
  allocOnHeap,
  dischargeHeap,
  extend,
  giveBack,
  isReleased,
  pieceSize,
} = require('./window.js');

const AHEAD = 8; // lease at most 8 times the bytes that have come
const CHUNK = 64 * 1024; // from this size on a span is a whole chunk

const { set, fill } = Uint8Array.prototype;

class Growing {
  #window;
  #announced; // bytes that were announced, or 0
  #most; // most bytes to ask for
  #epoch = null;
  #span = null; // null: the bytes are on the heap, or none have come
  #isAside = false; // whether the span is used only for this Buffer, and is not the window's
  #hold = null;
  #bytes = null; // a view of the part of the span that the Buffer may use
  size = 0;

  constructor(window, announced, most) {
    this.#window = window;
    this.#announced = announced;
    this.#most = most;
  }

  /** The bytes charged for it as a heap Buffer. */
  get heapBytes() {
    return this.#span === null && this.#bytes !== null ? this.#bytes.length : 0;
  }

  /** Throws if the memory of earlier bytes is gone, or there is no more memory. */
  append(chunk, length) {
    const need = this.size + length;
    if (this.#bytes === null) this.#begin(need);
    else {
      this.#checkAlive();
      if (need > this.#bytes.length) this.#grow(need);
    }
    set.call(this.#bytes, chunk, this.size);
    this.size = need;
    if (this.#isAside) this.#span.used = need;
  }

  /** How many bytes to ask for if `need` are needed. */
  #wanted(need) {
    const most = this.#announced >= need ? this.#announced : this.#most;
    return Math.max(need, Math.min(need * AHEAD, most));
  }

  #begin(need) {
    const window = this.#window;
    const whole = this.#announced >= need && this.#announced <= need * AHEAD;
    const isServed = isReleased(window) || window.owner.usesHeap;
    if (whole || isServed || (window.ab !== null && need <= window.end - window.cursor)) {
      this.#bytes = window.allocSlow(whole ? this.#announced : need, false);
      this.#found();
    } else if (!this.#open(need, Math.max(need, pieceSize(0)))) {
      this.#bytes = allocOnHeap(window, need, false);
    }
  }

  /** Notes the span in which the window has placed it. */
  #found() {
    const { epoch, ab } = this.#window;
    const { buffer } = this.#bytes;
    const span = epoch?.spans.find((one) => one.ab === buffer);
    if (span !== undefined) this.#takes(span, buffer !== ab);
  }

  #takes(span, isAside) {
    const { epoch, owner } = this.#window;
    this.#span = span;
    this.#isAside = isAside;
    this.#epoch = epoch;
    // With 'recycle' Buffers stay alive when their memory is used again, which only a hold can prevent here.
    if (owner.settings.safety === 'recycle') this.#hold ??= epoch.holding().take();
  }

  /** Takes a span for this Buffer alone; returns false if the heap must serve. */
  #open(need, want) {
    const window = this.#window;
    const { owner } = window;
    owner.pool.settleCutOff();
    if (need > owner.room && !owner.makeRoom(need)) return false;
    const epoch = window.openEpoch();
    const span = epoch.acquire(need, want, want >= CHUNK && !window.isScope);
    if (span === null) return false;
    if (span instanceof Refusal) throw span.error;
    epoch.add(span, need, need);
    this.#takes(span, true);
    this.#bytes = new FastBuffer(span.ab, 0, span.end);
    return true;
  }

  get #isAlive() {
    const epoch = this.#epoch;
    if (this.#span === null) return true;
    return (
      this.#bytes.length > 0 && this.#window.epoch === epoch && epoch.spans.includes(this.#span)
    );
  }

  #checkAlive() {
    if (this.#isAlive) return;
    throw deadError(undefined, this.#window.epoch === this.#epoch ? undefined : this.#epoch.death);
  }

  /** Whether nothing was allocated after it in the window. */
  get #isLast() {
    const { ab, cursor, mask } = this.#window;
    const { buffer, byteOffset, length } = this.#bytes;
    const end = byteOffset + length;
    return !this.#isAside && ab === buffer && cursor === end + (-end & mask);
  }

  #grow(need) {
    if (this.#span === null) this.#growOnHeap(need);
    else if (!(this.#isAside ? this.#growAside(need) : this.#growInWindow(need))) this.#move(need);
  }

  #growInWindow(need) {
    if (!this.#isLast) return false;
    const window = this.#window;
    const { buffer, byteOffset } = this.#bytes;
    const end = byteOffset + need;
    const more = end - window.cursor;
    if (more > window.end - window.cursor && !window.extend(more)) return false;
    window.cursor = Math.max(window.cursor, end + (-end & window.mask));
    this.#bytes = new FastBuffer(buffer, byteOffset, need);
    return true;
  }

  #growAside(need) {
    const span = this.#span;
    const { owner } = this.#window;
    if (need > span.size) return false;
    const more = need - span.end;
    if (more > owner.room && !owner.makeRoom(more)) return false;
    extend(span, span.end, more, owner);
    this.#bytes = new FastBuffer(span.ab, 0, span.end);
    return true;
  }

  #growOnHeap(need) {
    const before = this.#bytes;
    const window = this.#window;
    dischargeHeap(window, Math.max(window.heapBytes - before.length, 0));
    this.#bytes = null; // nothing is charged for it, should there be no room for more
    const size = Math.max(need, Math.min(this.#wanted(need), need * 2, window.owner.room));
    this.#bytes = allocOnHeap(window, size, false);
    set.call(this.#bytes, before);
  }

  /** Moves to its own span, or to a larger one. A request is not charged for both. */
  #move(need) {
    const { owner } = this.#window;
    const before = { bytes: this.#bytes, span: this.#span, isAside: this.#isAside };
    const isLast = this.#isLast;
    const charged = before.isAside ? before.span.end : isLast ? before.bytes.length : 0;
    owner.discharge(charged);
    try {
      if (!this.#open(need, this.#wanted(need))) {
        this.#span = null;
        this.#isAside = false;
        this.#bytes = allocOnHeap(this.#window, need, false);
      }
    } catch (error) {
      owner.charge(charged, charged, charged);
      throw error;
    }
    set.call(this.#bytes, before.bytes.subarray(0, this.size));
    if (before.isAside) {
      before.span.end = 0; // nothing is charged for it any more
      giveBack(before.span, this.#epoch, owner);
    } else if (isLast) {
      this.#takeBack(before.span, before.bytes.byteOffset);
      this.#window.retract();
      owner.charge(charged, charged, charged);
    }
    if (this.#span === null) this.#release();
  }

  /** Sets the window back to `start`; no Buffer lies behind that. */
  #takeBack(span, start) {
    const window = this.#window;
    const { ab, cursor } = window;
    const end = Math.min(cursor, span.size);
    if (window.owner.settings.wipe) fill.call(new FastBuffer(ab, start, end - start), 0);
    window.cleanFrom = Math.max(window.cleanFrom, end);
    span.cleanFrom = Math.max(span.cleanFrom, end);
    window.cursor = start + (-start & window.mask);
  }

  #release() {
    this.#hold?.release();
    this.#hold = null;
  }

  /** Returns the Buffer of all bytes that came. Later allocations use the rest of its span. */
  finish() {
    if (this.#bytes === null) return this.#window.allocSlow(0, false);
    this.#checkAlive();
    const { buffer, byteOffset, length } = this.#bytes;
    if (this.#isAside) this.#giveOn();
    else if (length > this.size && this.#span !== null && this.#isLast) {
      this.#takeBack(this.#span, byteOffset + this.size);
    }
    this.#release();
    return view(buffer, byteOffset, this.size, false);
  }

  /** Continues the window behind the Buffer if there is more room than in the window's own span, unless a rewind could end such allocations. */
  #giveOn() {
    const { used, size } = this.#span;
    const window = this.#window;
    if (this.#epoch.checkpoints !== null || size - used <= window.retract()) return;
    window.continueIn(this.#span);
  }

  /** Gives the memory back, which no other code has seen. */
  discard() {
    const bytes = this.#bytes;
    const window = this.#window;
    this.#bytes = null;
    if (bytes === null) return;
    if (this.#span === null) {
      dischargeHeap(window, Math.max(window.heapBytes - bytes.length, 0));
    } else {
      this.#bytes = bytes;
      if (this.#isAlive && this.#isAside) giveBack(this.#span, this.#epoch, window.owner);
      else if (this.#isAlive && this.#isLast) this.#takeBack(this.#span, bytes.byteOffset);
      this.#bytes = null;
      this.#span = null;
    }
    this.#release();
  }
}

module.exports = { Growing };
