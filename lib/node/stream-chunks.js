'use strict';

// Finds the chunks of a stream that only ralloc can have. They are freed after their use, so they must be made by Node
// itself, and seen by nobody else.

const { kindOf } = require('./provenance.js');
const { leave } = require('../memory/foreign.js');
const { release } = require('./release.js');

/** Whether somebody reads it. */
const hasReaders = (stream, state) =>
  stream.listenerCount('data') > 0 ||
  stream.listenerCount('readable') > 0 ||
  state.pipes?.length > 0;

/** What a single listener of 'data' finds out about the chunks of a stream that it gets. */
class StreamChunks {
  #stream;
  #methods;
  #noted = undefined; // none: no chunk is ours
  #chunks = [];
  #seen = false;
  #watchers = 0;
  #take;
  #piped; // { listener, sink }, where it is that of pipe()

  /**
   * To be made before the listener is added, but for that of Node's pipe(), `piped`. `take` may be called with chunks in its place, and they are released then, unless it tells that it
   * has kept them: what nobody else waits for need not go through the stream, which takes longer than to copy 8 KiB.
   */
  constructor(stream, take, piped) {
    this.#stream = stream;
    this.#take = take;
    this.#piped = piped;
    const kind = kindOf(stream);
    this.#methods = kind?.methods;
    this.#noted = kind?.note(stream, take && this);
    if (this.#noted === undefined) return;
    const state = stream._readableState;
    this.#chunks = this.#noted.chunks;
    // What was read before others have, but only of what was noted before.
    const wasRead = kind.notesBefore && state.dataEmitted;
    const isSole = piped
      ? this.#isSole() && stream._events.resume === undefined
      : !(hasReaders(stream, state) || state.decoder) && this.#methods.areOn(stream);
    if (wasRead || !isSole) this.#isSeen();
  }

  /** Whether there is a chunk that can be ours. */
  get any() {
    return this.#noted !== undefined;
  }

  /** The parser has `chunk`. False where it is to go through the stream, as all that come then. */
  takes(chunk) {
    const stream = this.#stream;
    const state = stream._readableState;
    // Node drops what a server sends after an answer, and has ended the connection.
    if (stream._dumped || stream.socket?.destroyed) return false;
    if (state.length === 0 && this.#isSole()) {
      state.dataEmitted = true;
      if (!this.#take(chunk)) release(chunk);
      return true;
    }
    this.#noted.pass();
    if (this.#isSole()) this.#watch();
    else this.#isSeen();
    return false;
  }

  /** To be called once the listener is there: another one that is added and gone again is seen all the same. */
  watch() {
    const waits = this.#stream._readableState.length > 0;
    if (this.#noted === undefined || (this.#noted.isDirect && !waits)) return;
    // A listener of 'newListener' may have added one of its own.
    if (this.#isSole()) this.#watch();
    else this.#isSeen();
  }

  #watch() {
    if (this.#watchers > 0) return;
    this.#stream.on('newListener', this.#onListener);
    this.#watchers = this.#stream.listenerCount('newListener');
  }

  #onListener = (name) => {
    const isReader = name === 'data' || name === 'readable';
    if (isReader || (name === 'resume' && this.#piped)) this.#isSeen();
  };

  #isSeen() {
    this.#seen = true;
    this.end();
  }

  /** As many bytes as a stream of a file is to be asked for, if it should read `bytes`: it may have memory for that. */
  ask(bytes) {
    if (this.#noted?.ask === undefined || !this.#isAlone()) return bytes;
    return this.#noted.ask(bytes);
  }

  /** The listener goes, or cares no more. */
  end() {
    if (this.#watchers > 0) this.#stream.removeListener('newListener', this.#onListener);
    this.#watchers = 0;
    this.#noted?.end();
    this.#noted = undefined;
    this.#chunks = [];
  }

  /** Whether nobody else listens now. */
  #isSole() {
    const stream = this.#stream;
    const { decoder } = stream._readableState;
    return (
      stream.listenerCount('data') === 1 &&
      stream.listenerCount('readable') === 0 &&
      !decoder &&
      this.#isPiped() &&
      this.#methods.areOn(stream)
    );
  }

  /** Whether it is piped where it was, and nowhere else. */
  #isPiped() {
    const { _events: events, _readableState: state } = this.#stream;
    const { pipes } = state;
    if (this.#piped === undefined) return !(pipes?.length > 0);
    const { listener, sink } = this.#piped;
    return events.data === listener && pipes.length === 1 && pipes[0] === sink;
  }

  #isAlone() {
    return this.#isSole() && this.#stream.listenerCount('newListener') === this.#watchers;
  }

  /** Whether it is Node that reads a stream that is piped. Who does so by hand gets the chunk too: before it flows, or as it is told that it does. */
  #flows() {
    const { _events: events, _readableState: state } = this.#stream;
    return state.flowing === true && !state.resumeScheduled && events.resume === undefined;
  }

  /** Whether nobody else can have `chunk`, which the listener got just now. What others may have is counted. */
  isOurs(chunk) {
    if (this.#noted !== undefined && !(this.#isAlone() && (!this.#piped || this.#flows())))
      this.#isSeen();
    const [next] = this.#chunks;
    if (next !== undefined && (next === chunk || next === chunk.buffer)) {
      this.#chunks.shift();
      return true;
    }
    leave(this.#seen ? 'seen' : 'foreign', chunk.byteLength);
    // Of what was noted, nothing can come where nothing waits: somebody has read parts of it.
    const waits = this.#stream._readableState.length > 0;
    if (!waits && this.#chunks.length > 0) this.#isSeen();
    return false;
  }
}

module.exports = { StreamChunks, hasReaders };
