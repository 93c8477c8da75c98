'use strict';

// Gives the only listener of a body its chunks from Node's parser itself, and not through the
// stream, where anybody may read one. So nobody has seen such a chunk but that listener, and who it
// is known to be can give the chunk back once it was copied.

const { kDumped, kState, readsAlone } = require('../base/internals.js');
const { kParsed } = require('../base/protocol.js');
const { mayPassBy } = require('./own-methods.js');
const { kindOf } = require('./provenance.js');

const none = () => {};

/**
 * Whether a stream would pass a chunk to its listener at once: nothing waits in it, and it is
 * neither paused nor over.
 */
const goesOn = (state) =>
  !(state.destroyed || state.errored || state.ended) &&
  state.length === 0 &&
  state.flowing === true;

class DirectBody {
  #message;
  #listener;
  #sink;
  #onChunk;
  #noted;
  /** The chunk that the listener has now, if it came this way. */
  given = undefined;

  /**
   * `listener`: the listener of 'data' that `message` already has; `sink`: the pipe's destination,
   * if it is a pipe's listener. `onChunk(chunk)` is called before the listener.
   */
  constructor(message, listener, sink = undefined, onChunk = none) {
    this.#message = message;
    this.#listener = listener;
    this.#sink = sink;
    this.#onChunk = onChunk;
  }

  /** Returns false if all chunks must go through the stream. */
  begin() {
    const message = this.#message;
    const kind = kindOf(message);
    if (kind?.notesBefore !== true) return false; // no message of HTTP/1
    if (message[kState][kParsed]?.isOurs === true || !this.#isAlone()) return false;
    this.#noted = kind.note(message, this);
    if (this.#noted?.isDirect === true) return true;
    this.end();
    return false;
  }

  /** Whether there is no other listener. parser-chunks.js checks that no method is patched. */
  #isAlone() {
    return readsAlone(this.#message, this.#listener, this.#sink);
  }

  /**
   * Called by the parser with `chunk`. Returns false if it must go through the stream, which is
   * paused, over, has waiting chunks or other readers.
   */
  takes(chunk) {
    const message = this.#message;
    const state = message[kState];
    this.#noted.chunks.length = 0; // drops the chunks of the stream
    if (message[kDumped] !== false || message.socket?.destroyed) return false;
    if (!goesOn(state) || !this.#isAlone() || !mayPassBy(message, chunk)) return false;
    state.dataEmitted = true;
    this.#onChunk(chunk);
    this.given = chunk;
    try {
      this.#listener.call(message, chunk);
    } finally {
      this.given = undefined;
    }
    return true;
  }

  end() {
    this.#noted?.end();
    this.#noted = undefined;
  }
}

module.exports = { DirectBody, goesOn };
