'use strict';

// Reads a stream into a list of Buffers of an arena: chunks that nobody else can have are taken
// over, all others are copied.

const { deadError, tooLarge } = require('../base/errors.js');
const { checkAlive, checkOwned } = require('../base/dead.js');
const { arrayBufferOf, lengthOf } = require('../base/views.js');
const { counts, tieOf } = require('../memory/foreign.js');
const { takeOver } = require('./adopt.js');
const { Growing } = require('./growing.js');
const { dischargeHeap } = require('./window.js');

/** Taking over a smaller chunk costs more (1.2 µs) than copying it. */
const LEAST = 16 * 1024;

class Listed {
  #window;
  #limit;
  #list = [];
  #spans = []; // the adopted spans of its chunks
  #heapBytes = 0; // charged for its chunks on the heap
  #epoch = 0; // that of the last chunk
  #small = null; // the Growing that collects successive small chunks
  #last = null; // the span of the last chunk; null: it is on the heap, or none has come
  size = 0;

  constructor(window, _announced, limit) {
    this.#window = window;
    this.#limit = limit;
  }

  /**
   * Returns true if `chunk` itself is now in the list, so that the caller must not release its
   * memory.
   */
  take(chunk, isOurs) {
    const length = lengthOf.call(chunk); // an own property `length` may be wrong
    const { size } = this;
    if (length === 0) return checkAlive(arrayBufferOf(chunk), 'chunk', chunk);
    checkOwned(chunk, 'chunk');
    if (length > this.#limit - size) throw tooLarge(size + length, this.#limit, size);
    this.#checkAlive();
    const isTaken = isOurs && length >= LEAST && tieOf(chunk.buffer, length) === undefined;
    if (isTaken) {
      this.#flush();
      this.#takeOver(chunk, length);
    } else this.#copy(chunk, length);
    this.#epoch = this.#window.epoch;
    this.size = size + length;
    return isTaken;
  }

  #takeOver(chunk, length) {
    const span = takeOver(this.#window, chunk, chunk.buffer);
    if (span === undefined) this.#heapBytes += length;
    else this.#spans.push(span);
    this.#last = span ?? null;
    this.#list.push(chunk);
  }

  /**
   * Successive small chunks become one Buffer, so that a body takes as much memory as it has bytes,
   * however the client splits it.
   */
  #copy(chunk, length) {
    this.#small ??= new Growing(this.#window, 0);
    this.#small.append(chunk, length);
    counts.copied += length;
  }

  #flush() {
    if (this.#small === null) return;
    const buffer = this.#small.finish();
    this.#heapBytes += this.#small.heapBytes;
    this.#small = null;
    this.#last = this.#window.spans.findLast(({ ab }) => ab === buffer.buffer) ?? null;
    this.#list.push(buffer);
  }

  /**
   * Throws if the memory of earlier chunks is gone. The last chunk tells, because a rewind ends it
   * first.
   */
  #checkAlive() {
    const { death, epoch, spans } = this.#window;
    if (this.#last === null) return;
    if (epoch === this.#epoch && spans.lastIndexOf(this.#last) >= 0) return;
    throw deadError(undefined, epoch === this.#epoch ? undefined : death);
  }

  finish() {
    this.#checkAlive();
    this.#flush();
    return this.#list;
  }

  /**
   * Drops a list that no other code has seen: frees the chunks that were taken over. Copies stay
   * until the arena's reset.
   */
  discard() {
    const window = this.#window;
    this.#small?.discard();
    this.#small = null;
    dischargeHeap(window, Math.max(window.heapBytes - this.#heapBytes, 0));
    for (const span of this.#spans) {
      const isOurs = span.home === window && window.epoch === this.#epoch;
      if (isOurs && span.adopted !== null) window.giveBack(span);
    }
    this.#list = [];
    this.#spans = [];
    this.#heapBytes = 0;
    this.#last = null;
  }
}

module.exports = { Listed };
