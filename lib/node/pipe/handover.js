'use strict';

// Frees the chunks that go from one stream to another, each in the callback of its write: then the sink is done with it, and nobody else has it. For Link and
// for watched pipes.

const { isUint8Array } = require('node:util').types;
const { leave } = require('../../memory/foreign.js');
const { release } = require('../release.js');

// What comes in pieces, as events do, is not watched any more: it takes longer than it saves.
const PIECE = 4 * 1024;
const MANY = 32;

class Handover {
  #sink;
  #isUntouched;
  #chunks;
  #give;
  #pieces = 0; // in a row
  #pending = 0; // bytes whose callback has not come
  #isOver = false; // the callbacks that still come tell nothing

  /** `chunks`: StreamChunks of the source. `isUntouched`: completionCheckOf(sink). `give(chunk)` gives memory back. */
  constructor(sink, isUntouched, chunks, give = release) {
    this.#sink = sink;
    this.#isUntouched = isUntouched;
    this.#chunks = chunks;
    this.#give = give;
  }

  /** The callback with which a chunk, which the source gave just now, is to be written; undefined where somebody else may have it. */
  callbackOf(chunk) {
    if (chunk?.length >= PIECE) this.#pieces = 0;
    else if (++this.#pieces === MANY) this.#chunks.end();
    if (!isUint8Array(chunk) || !this.#chunks.isOurs(chunk)) return undefined;
    const bytes = chunk.byteLength;
    if (!this.#isUntouched(false)) {
      leave('seen', bytes);
      return undefined;
    }
    const { socket } = this.#sink; // of a message, which has none when it is over
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

  /** What was not written is left, for its callback may never come. */
  fail() {
    this.#isOver = true;
    leave('unwritten', this.#pending);
    this.#pending = 0;
  }
}

module.exports = { Handover };
