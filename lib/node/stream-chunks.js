'use strict';

// Finds the chunks of a stream that only ralloc can have. They are freed after their use, so they
// must be made by Node itself, and seen by nobody else.

const { kDumped, kEvents, kState, readsAlone } = require('../base/internals.js');
const { kBodies } = require('../base/protocol.js');
const { leave } = require('../memory/foreign.js');
const { mayPassBy } = require('./own-methods.js');
const { kindOf } = require('./provenance.js');
const { release } = require('./release.js');

/** Whether the stream has readers. */
const hasReaders = (stream, state = stream[kState]) =>
  stream.listenerCount('data') > 0 ||
  stream.listenerCount('readable') > 0 ||
  state?.pipes?.length > 0;

/** Tells the only listener of a stream's 'data' which chunks no other code can have. */
class StreamChunks {
  #stream;
  #methods;
  #noted = undefined; // undefined: no chunk is ours
  #chunks = [];
  #seen = false;
  #watchers = 0;
  #take;
  #listener; // in the place of which a patched on() may have put another
  #sink; // of the pipe, if the listener is that of pipe()

  /**
   * Create it before the listener is added; for the listener of Node's pipe() (`piped`), after it.
   * `take` may be called with chunks instead of the listener, because passing one through the
   * stream takes longer than copying 8 KiB. Such chunks are then released, unless `take` returns
   * that it keeps them.
   */
  constructor(stream, take, piped) {
    this.#stream = stream;
    this.#take = take;
    this.#listener = piped?.listener;
    this.#sink = piped?.sink;
    const kind = kindOf(stream) ?? globalThis[kBodies]?.kindOf(stream);
    this.#methods = kind?.methods;
    this.#noted = kind?.note(stream, take && this);
    if (this.#noted === undefined) return;
    const state = stream[kState];
    this.#chunks = this.#noted.chunks;
    // If chunks were noted before, other code may have those that were read before.
    const wasRead = kind.notesBefore && state.dataEmitted;
    const isSole = piped
      ? this.#isSole() && stream[kEvents].resume === undefined
      : !(hasReaders(stream, state) || state.decoder) && this.#methods.areOn(stream);
    if (wasRead || !isSole) this.#letSee();
  }

  /** Whether any chunk can be ours. */
  get any() {
    return this.#noted !== undefined;
  }

  /** Whether chunks wait in the stream. */
  get #waits() {
    return this.#stream[kState].length > 0;
  }

  /** Whether others read the stream, or may have read it. */
  get isSeen() {
    return this.#seen;
  }

  /**
   * Called by the parser with `chunk`. Returns false if this chunk and all later ones must go
   * through the stream.
   */
  takes(chunk) {
    const stream = this.#stream;
    const state = stream[kState];
    // Node drops what a server sends after its response, and has ended the connection.
    if (stream[kDumped] || stream.socket?.destroyed) return false;
    if (state.length === 0 && this.#isSole() && mayPassBy(stream, chunk)) {
      const used = this.#noted?.used ?? release;
      state.dataEmitted = true;
      if (!this.#take(chunk)) used(chunk);
      return true;
    }
    this.#noted.pass();
    if (this.#isSole()) this.#watch();
    else this.#letSee();
    return false;
  }

  /**
   * Call it once `listener` is added, if that was not told before. From then on other listeners are
   * noticed, even if they are removed again.
   */
  watch(listener = this.#listener) {
    this.#listener = listener;
    if (this.#noted === undefined || (this.#noted.isDirect && !this.#waits)) return;
    // A listener of 'newListener' may have added another listener.
    if (this.#isSole()) this.#watch();
    else this.#letSee();
  }

  #watch() {
    if (this.#watchers > 0) return;
    this.#stream.on('newListener', this.#onListener);
    this.#watchers = this.#stream.listenerCount('newListener');
  }

  #onListener = (name) => {
    const isReader = name === 'data' || name === 'readable';
    if (isReader || (name === 'resume' && this.#sink)) this.#letSee();
  };

  #letSee() {
    this.#seen = true;
    this.end();
  }

  /**
   * The size to pass to a file's stream so that it reads `bytes`; it is smaller if the stream has
   * its own memory for the read.
   */
  ask(bytes) {
    if (this.#noted?.ask === undefined || !this.#isAlone()) return bytes;
    return this.#noted.ask(bytes);
  }

  /** Called when the listener is removed, or needs no more answers. */
  end() {
    if (this.#watchers > 0) this.#stream.removeListener('newListener', this.#onListener);
    this.#watchers = 0;
    this.#noted?.end();
    this.#noted = undefined;
    this.#chunks = [];
  }

  /** Whether there is no other listener now. */
  #isSole() {
    const stream = this.#stream;
    return readsAlone(stream, this.#listener, this.#sink) && this.#methods.areOn(stream);
  }

  #isAlone() {
    return this.#isSole() && this.#stream.listenerCount('newListener') === this.#watchers;
  }

  /**
   * Whether only Node reads a piped stream. Code that calls read() gets the chunk too: before the
   * stream flows, or in a listener of 'resume'.
   */
  #flows() {
    const { [kEvents]: events, [kState]: state } = this.#stream;
    return state.flowing === true && !state.resumeScheduled && events.resume === undefined;
  }

  /**
   * Whether no other code can have `chunk`, which the listener has just got. Counts the chunks that
   * others may have.
   */
  isOurs(chunk) {
    if (this.#noted !== undefined && !(this.#isAlone() && (!this.#sink || this.#flows())))
      this.#letSee();
    const [next] = this.#chunks;
    if (next !== undefined && (next === chunk || next === chunk.buffer)) {
      this.#chunks.shift();
      return true;
    }
    leave(this.#seen ? 'seen' : 'foreign', chunk.byteLength);
    // Nothing waits in the stream, so noted chunks can no longer come: other code has read parts of
    // them.
    if (this.#chunks.length > 0 && !this.#waits) this.#letSee();
    return false;
  }
}

module.exports = { StreamChunks, hasReaders };
