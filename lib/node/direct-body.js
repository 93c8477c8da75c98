'use strict';

// Gives the only listener of a body its chunks from Node's parser itself, and not through the stream, where anybody may read one. So nobody has seen such a chunk but that
// listener, and who it is known to be can give the chunk back once it was copied.

const { kParsed } = require('../base/protocol.js');
const { kindOf } = require('./provenance.js');

const none = () => {};

/** Whether what a stream is given now goes to its listener at once: nothing waits there, and it is neither paused nor over. */
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
   * `listener`: of the event 'data' of `message`, which it listens to by now; `sink`: where it is that of a pipe, what that leads to. `onChunk(chunk)` is called before the listener.
   */
  constructor(message, listener, sink = undefined, onChunk = none) {
    this.#message = message;
    this.#listener = listener;
    this.#sink = sink;
    this.#onChunk = onChunk;
  }

  /** False where all goes through the stream. */
  begin() {
    const message = this.#message;
    const kind = kindOf(message);
    if (kind?.notesBefore !== true) return false; // no message of HTTP/1
    if (message._readableState[kParsed]?.isOurs === true || !this.#isAlone()) return false;
    this.#noted = kind.note(message, this);
    if (this.#noted?.isDirect === true) return true;
    this.end();
    return false;
  }

  /** Whether nobody else listens; that no method is patched, parser-chunks.js knows. */
  #isAlone() {
    const message = this.#message;
    const { decoder, pipes } = message._readableState;
    const sinks = pipes?.length ?? 0;
    return (
      message._events.data === this.#listener &&
      message.listenerCount('readable') === 0 &&
      !decoder &&
      (this.#sink === undefined ? sinks === 0 : sinks === 1 && pipes[0] === this.#sink)
    );
  }

  /** The parser has `chunk`. False where it is to go through the stream: something waits there, or it is paused, over, or somebody reads it too. */
  takes(chunk) {
    const message = this.#message;
    const state = message._readableState;
    this.#noted.chunks.length = 0; // of the stream
    if (message._dumped || message.socket?.destroyed) return false;
    if (!goesOn(state) || !this.#isAlone()) return false;
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
