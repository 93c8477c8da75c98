'use strict';

// Frees the chunks that go from one stream to another, each in the callback of its write: then the
// sink is done with it, and nobody else has it. For Link and for watched pipes.

const { isUint8Array } = require('node:util').types;
const { leave } = require('../../memory/foreign.js');
const { release } = require('../release.js');

// Streams of small pieces, such as events, are no longer watched: it would take longer than it
// saves.
const PIECE = 4 * 1024;
const MANY = 32;

class Handover {
  #sink;
  #isUntouched;
  #chunks;
  #give;
  #pieces = 0; // small pieces in a row
  #pending = 0; // bytes whose callback was not called yet
  #isOver = false; // whether later callbacks are ignored

  /**
   * `chunks`: the StreamChunks of the source. `isUntouched`: completionCheckOf(sink). `give(chunk)`
   * frees a chunk.
   */
  constructor(sink, isUntouched, chunks, give = release) {
    this.#sink = sink;
    this.#isUntouched = isUntouched;
    this.#chunks = chunks;
    this.#give = give;
  }

  /**
   * Returns the callback for writing a chunk that the source has just emitted; undefined if other
   * code may have the chunk.
   */
  callbackOf(chunk) {
    if (chunk?.length >= PIECE) this.#pieces = 0;
    else if (++this.#pieces === MANY) this.#chunks.end();
    if (!isUint8Array(chunk) || !this.#chunks.isOurs(chunk)) return undefined;
    const bytes = chunk.byteLength;
    if (!this.#isUntouched(false)) {
      leave('seen', bytes);
      return undefined;
    }
    const { socket } = this.#sink; // a message has none any more when it is over
    this.#pending += bytes;
    return (error) => this.#onWritten(chunk, bytes, socket, error);
  }

  #onWritten(chunk, bytes, socket, error) {
    if (this.#isOver) return;
    this.#pending -= bytes;
    if (error || this.#sink.destroyed || socket?.destroyed) leave('unwritten', bytes);
    else if (this.#isUntouched(true)) this.#give(chunk);
    else leave('seen', bytes);
  }

  /** Leaves unwritten chunks to V8, because their callbacks may never be called. */
  fail() {
    this.#isOver = true;
    leave('unwritten', this.#pending);
    this.#pending = 0;
  }
}

module.exports = { Handover };
