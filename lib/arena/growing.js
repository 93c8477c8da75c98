'use strict';

// A Buffer that grows while its bytes arrive, and whose end nobody knows: an announced length may
// be a lie. It begins in the open window and grows there in place, as long as nothing else is
// allocated behind it and the span has room. What comes after that goes to pieces: spans for it
// alone, each as large as all that came before it, up to a usual chunk. At the end the pieces are
// copied into one Buffer and given back, in one call, so that less than twice what came is leased
// for longer than that. If a length was announced, the copy is made once an eighth of it has come.
// (Spans that grow, each a copy of the one before, take as much copying. But they have many sizes,
// so few are warm in the pool, and V8 counts each that is leased anew toward its next major
// collection.)

const { deadError } = require('../base/errors.js');
const { arrayBufferOf, offsetOf, view } = require('../base/views.js');
const { FastBuffer } = require('../base/runtime.js');
const { OPEN } = require('../memory/span.js');
const { CHUNK_CAP, allocOnHeap, dischargeHeap, isReleased, pieceSize } = require('./window.js');

const AHEAD = 8; // an announced length is leased once an eighth of it has come
const CHUNK = 64 * 1024; // from this size on a span is a whole chunk

const { set, fill } = Uint8Array.prototype;

/** Some of the bytes. */
class Piece {
  used = 0;

  constructor(bytes, span, isAside, heapBytes) {
    this.bytes = bytes; // what it may use
    this.span = span; // null: on the heap
    this.isAside = isAside; // whether the span is used only for this Buffer, and is not the window's
    this.heapBytes = heapBytes; // charged for it on the heap
  }

  get free() {
    return this.bytes.length - this.used;
  }

  append(bytes, length) {
    set.call(this.bytes, bytes, this.used);
    this.used += length;
    if (this.isAside) this.span.use(this.used);
  }
}

class Growing {
  #window;
  #announced; // bytes that were announced, or 0
  #epoch = 0; // that of the last piece
  #hold = null;
  #pieces = []; // only the first one may be in the window
  size = 0;

  constructor(window, announced) {
    this.#window = window;
    this.#announced = announced;
  }

  /** The bytes charged for it on the heap. */
  get heapBytes() {
    return this.#pieces.reduce((sum, { heapBytes }) => sum + heapBytes, 0);
  }

  /**
   * If it throws, because the memory of earlier bytes is gone or there is no more, discard() must
   * follow.
   */
  append(chunk, length) {
    const last = this.#pieces.at(-1);
    if (last === undefined) this.#begin(length);
    else {
      this.#checkAlive();
      if (last.free < length) this.#extend(last, last.used + length);
      if (last.free < length) return this.#appendParts(last, chunk, length);
    }
    this.#pieces.at(-1).append(chunk, length);
    this.size += length;
    return undefined;
  }

  /** Appends to `last` what fits there, and the rest to another piece. */
  #appendParts(last, chunk, length) {
    const { free } = last;
    const ab = arrayBufferOf(chunk);
    const offset = offsetOf.call(chunk);
    last.append(new FastBuffer(ab, offset, free), free);
    this.size += free;
    const rest = length - free;
    if (this.#isNear(this.size + rest)) this.#join(this.#announced);
    else this.#add(rest);
    this.#pieces.at(-1).append(new FastBuffer(ab, offset + free, rest), rest);
    this.size += rest;
  }

  /** Whether so much has come, with `need` bytes, that the announced length is leased. */
  #isNear(need) {
    const announced = this.#announced;
    const most = Math.min(need * AHEAD, this.#window.owner.room + this.size);
    return announced >= need && announced <= most;
  }

  #begin(need) {
    const window = this.#window;
    const isNear = this.#isNear(need);
    if (!isNear && (window.ab === null || need > window.end - window.cursor)) this.#add(need);
    else {
      const bytes = window.allocSlow(isNear ? this.#announced : need, false);
      const span = window.spans.find(({ ab }) => ab === bytes.buffer);
      if (span === undefined) this.#pieces.push(new Piece(bytes, null, false, bytes.length));
      else this.#take(bytes, span, bytes.buffer !== window.ab);
    }
  }

  #take(bytes, span, isAside) {
    const window = this.#window;
    this.#pieces.push(new Piece(bytes, span, isAside, 0));
    this.#epoch = window.epoch;
    // With 'recycle' Buffers stay alive when their memory is used again, which only a hold can
    // prevent here.
    if (window.owner.settings.safety === 'recycle') this.#hold ??= window.holding().take();
  }

  #add(need) {
    const want = Math.max(need, pieceSize(0), Math.min(this.size, CHUNK_CAP));
    const refusal = this.#open(need, want);
    if (refusal !== null) throw refusal.error;
  }

  /**
   * Adds a piece of `need` to about `want` bytes, on the heap if that must serve. Returns null, or
   * the Refusal of a lease.
   */
  #open(need, want) {
    const span = this.#acquire(need, want);
    if (span?.isRefusal) return span;
    const window = this.#window;
    if (span === null) {
      const size = Math.max(need, Math.min(want, window.owner.room));
      this.#pieces.push(new Piece(allocOnHeap(window, size, false), null, false, size));
    } else {
      window.add(span, need, need);
      this.#take(new FastBuffer(span.ab, 0, span.end), span, true);
    }
    return null;
  }

  /** Returns a span, a Refusal, or null if the heap must serve. */
  #acquire(need, want) {
    const window = this.#window;
    const { owner } = window;
    if (isReleased(window) || owner.usesHeap) return null;
    owner.pool.check();
    if (need > owner.room && !owner.makeRoom(need)) return null;
    return window.acquire(need, want, want >= CHUNK && !window.isScope);
  }

  #isAlive({ bytes, span }) {
    const window = this.#window;
    if (span === null) return true;
    return window.epoch === this.#epoch && span.keeps(window) && bytes.length > 0;
  }

  #checkAlive() {
    if (this.#pieces.every((piece) => this.#isAlive(piece))) return;
    const { epoch, death } = this.#window;
    throw deadError(undefined, epoch === this.#epoch ? undefined : death);
  }

  /** Whether `piece` is in the window, and nothing was allocated after it. */
  #isLast({ bytes, isAside }) {
    const { ab, cursor, mask } = this.#window;
    const end = bytes.byteOffset + bytes.length;
    return !isAside && ab === bytes.buffer && cursor === end + (-end & mask);
  }

  /** Extends a piece in place, to `need` bytes or as many as its span has. */
  #extend(piece, need) {
    const { bytes, span } = piece;
    const { owner } = this.#window;
    if (span === null) return;
    if (piece.isAside) {
      const more = Math.min(need, span.size) - span.end;
      const fits = more > 0 && (more <= owner.room || owner.makeRoom(more));
      if (fits) span.extend(span.end, more, owner);
      piece.bytes = new FastBuffer(span.ab, 0, span.end);
    } else if (this.#isLast(piece) && this.#extendWindow(bytes.byteOffset + need)) {
      piece.bytes = new FastBuffer(span.ab, bytes.byteOffset, need);
    }
  }

  #extendWindow(end) {
    const window = this.#window;
    const more = end - window.cursor;
    if (more > window.end - window.cursor && !window.extend(more)) return false;
    window.cursor = Math.max(window.cursor, end + (-end & window.mask));
    return true;
  }

  /** Copies the pieces into one with room for `need` bytes. A request is not charged for both. */
  #join(need) {
    const window = this.#window;
    const { owner } = window;
    for (const piece of this.#pieces) this.#uncharge(piece);
    let refusal = this.#open(need, need);
    if (refusal?.error.code === 'ERR_RALLOC_LIMIT' && !owner.ofRequest) {
      // The arena's limit has no room for the pieces and their copy. So the bytes wait on the heap,
      // for no longer than this call.
      this.#moveTo(new Piece(Buffer.allocUnsafeSlow(this.size), null, false, 0));
      refusal = this.#open(need, need);
    }
    if (refusal !== null) throw refusal.error;
    const whole = this.#pieces.pop();
    const [first] = this.#pieces;
    this.#moveTo(whole);
    if (first.span !== null && !first.isAside) window.retract();
  }

  /** Copies the pieces into `whole`, which replaces them, and gives them back. */
  #moveTo(whole) {
    const before = this.#pieces;
    for (const { bytes, used } of before) whole.append(bytes.subarray(0, used), used);
    this.#pieces = [whole];
    for (const piece of before) this.#giveBack(piece);
  }

  #uncharge(piece) {
    const window = this.#window;
    if (piece.isAside) {
      piece.span.uncharge(piece.span.end, window.owner);
    } else if (this.#isLast(piece)) window.retract(piece.bytes.byteOffset);
    dischargeHeap(window, Math.max(window.heapBytes - piece.heapBytes, 0));
    piece.heapBytes = 0;
  }

  /** Gives the memory of a piece back, which no other code has seen, unless it is dead. */
  #giveBack(piece) {
    const { span, isAside } = piece;
    if (span?.state !== OPEN || !this.#isAlive(piece)) return;
    if (isAside) {
      this.#forget(span, 0, span.used);
      span.use(0);
      this.#window.giveBack(span);
    } else if (this.#isLast(piece)) this.#takeBack(piece, piece.bytes.byteOffset);
  }

  /** Sets the window back to `start`; no Buffer lies behind that. */
  #takeBack({ span }, start) {
    const window = this.#window;
    this.#forget(span, start, Math.min(window.cursor, span.size));
    window.cleanFrom = Math.max(window.cleanFrom, span.cleanFrom);
    window.cursor = start + (-start & window.mask);
  }

  /** Notes that bytes of a span are no longer zero, or zeroes them with `wipe`. */
  #forget(span, start, end) {
    if (this.#window.owner.settings.wipe) fill.call(new FastBuffer(span.ab, start, end - start), 0);
    span.stain(end);
  }

  #release() {
    this.#hold?.release();
    this.#hold = null;
  }

  /** Returns the Buffer of all bytes that came. Later allocations use the rest of its span. */
  finish() {
    if (this.#pieces.length === 0) return this.#window.allocSlow(0, false);
    this.#checkAlive();
    if (this.#pieces.length > 1) this.#join(this.size);
    const [piece] = this.#pieces;
    const { buffer, byteOffset } = piece.bytes;
    if (piece.isAside) this.#giveOn(piece.span);
    else if (piece.free > 0 && this.#isLast(piece)) this.#takeBack(piece, byteOffset + this.size);
    this.#release();
    return view(buffer, byteOffset, this.size, false);
  }

  /**
   * Continues the window behind the Buffer if there is more room than in the window's own span,
   * unless a rewind could end such allocations.
   */
  #giveOn(span) {
    const { used, size } = span;
    const window = this.#window;
    if (window.hasCheckpoint || span.state !== OPEN) return;
    if (size - used > window.retract()) window.continueIn(span);
  }

  /** Gives the memory back, which no other code has seen. */
  discard() {
    for (const piece of this.#pieces) {
      if (piece.span === null) this.#uncharge(piece);
      else this.#giveBack(piece);
    }
    this.#pieces = [];
    this.#release();
  }
}

module.exports = { Growing };
