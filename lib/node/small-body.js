'use strict';

// A small body usually arrives whole with the headers of its request. It is taken from what Node's
// parser has, with hardly a listener on the stream, which saves a bare server a twelfth of a
// request's cost. Any other is read like a larger body from the next tick on, because it comes
// later, or a patch of the parser or the message hides it here.
//
// V8's heap is the best memory for it: an arena for 4 KiB costs an Express server a quarter of a
// request, and gains nothing. So the chunk that Node's parser made is the body, or the chunks are
// copied into a Buffer of Node's pool. If somebody counts on its end with the arena
// (Request.leavesBody()), it is copied into the arena.

const { nodeHas, kDumped, kState } = require('../base/internals.js');
const { kParsed } = require('../base/protocol.js');
const time = require('../base/time.js');
const { hasTransfer } = require('../base/runtime.js');
const { checkAlive, checkOwned } = require('../base/dead.js');
const { tooLarge } = require('../base/errors.js');
const { fromHeap, arrayBufferOf, lengthOf } = require('../base/views.js');
const { noteMessage } = require('./parser-chunks.js');
const { counts, leave } = require('../memory/foreign.js');
const { release } = require('./release.js');
const { hasReaders } = require('./stream-chunks.js');

/** Up to this size a body is faster on V8's heap, and its memory too small to matter. */
const SMALL = 16 * 1024;

const { set } = Uint8Array.prototype;
const hasStreams = nodeHas('streams');

/** Whether no code reads, or has read, `message`. */
function isUnread(message) {
  const state = message[kState];
  return (
    hasStreams &&
    state.length === 0 &&
    !state.decoder &&
    message[kDumped] === false &&
    !message.socket?.destroyed &&
    !hasReaders(message, state)
  );
}

/** Called once the parser is done with what the socket has read, of which the head was a part. */
function late(body) {
  body.late();
}

/** The chunks of a small body on V8's heap, in place of an arena's Collected. */
class HeapBody {
  size = 0;
  #announced;
  #limit;
  #bytes = null; // until something comes, so that who only announces a body takes nothing

  constructor(announced, limit) {
    this.#announced = announced;
    this.#limit = limit;
  }

  /** Returns true: the chunk is not released. */
  take(chunk) {
    const { size } = this;
    const length = lengthOf.call(chunk);
    if (length > this.#limit - size) throw tooLarge(size + length, this.#limit, size);
    if (length === 0) checkAlive(arrayBufferOf(chunk), 'chunk', chunk);
    checkOwned(chunk, 'chunk');
    this.#bytes ??= fromHeap(this.#announced, false, false);
    if (length > this.#bytes.length - size) {
      // HTTP/2 lets more come than is announced.
      this.#bytes = Buffer.concat([this.#bytes.subarray(0, size)], size + length);
    }
    set.call(this.#bytes, chunk, size);
    this.size += length;
    counts.copied += length;
    return true;
  }

  finish() {
    return (this.#bytes ?? fromHeap(0, false, false)).subarray(0, this.size);
  }

  discard() {}
}

/** The body that is `chunk`, which nobody else has. */
function onHeap(chunk) {
  if (chunk.buffer.byteLength === chunk.length) return chunk;
  const body = fromHeap(chunk.length, false, false);
  set.call(body, chunk);
  return body;
}

class SmallBody {
  /**
   * `ways`: windowOf() returns its window, without it the body is on the heap; readStream() reads a
   * body that does not arrive whole, and returns a promise; gone() returns the error if nothing
   * more will come.
   */
  constructor(request, length, ways) {
    // Not private: until V8 has optimized this it defines each private property by a call, in all
    // 900 instructions of a request.
    this.request = request;
    this.length = length;
    this.ways = ways;
    this.message = null;
    this.noted = null;
    this.isTaken = false; // whether takes() has taken it
    this.resolve = undefined;
    this.reject = undefined;
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** Returns false if ralloc does not see the parser's chunks, or `message` was read. */
  begin(message) {
    if (!isUnread(message)) return false;
    const noted = noteMessage(message, this);
    if (!noted?.isDirect) {
      noted?.end();
      return false;
    }
    this.message = message;
    this.noted = noted;
    this.request.bodyReading = this;
    time.nextTick(late, this); // setImmediate() would have the loop turn once more
    return true;
  }

  /** Called if it has not come with the headers, or not directly from the parser. */
  late() {
    if (this.request.bodyReading === this && !this.isTaken) this.readStream();
  }

  readStream() {
    try {
      this.request.begin(); // from now on the end of the response aborts it, perhaps at once
      if (this.request.bodyReading !== this) return;
      this.end();
      this.resolve(this.ways.readStream());
    } catch (error) {
      this.reject(error);
    }
  }

  end() {
    this.noted.end();
    this.request.bodyReading = null;
  }

  /**
   * Called by the parser with `chunk`. Returns false if it must go through the stream: it is not
   * the whole body, or other code reads it too.
   */
  takes(chunk) {
    const message = this.message;
    if (lengthOf.call(chunk) !== this.length || !isUnread(message)) {
      this.readStream();
      return message[kState][kParsed]?.direct?.takes(chunk) === true;
    }
    this.isTaken = true;
    message[kState].dataEmitted = true;
    message.on('end', () => this.finish(chunk));
    message.on('close', () => this.closed()); // without an end, if somebody destroys it before
    message.resume();
    return true;
  }

  finish(chunk) {
    if (this.request.bodyReading !== this) return; // it was aborted
    this.end();
    if (this.ways.windowOf === null) return this.resolve(onHeap(chunk));
    try {
      const body = this.ways.windowOf().allocSlow(this.length, false);
      set.call(body, chunk);
      counts.copied += this.length;
      this.resolve(body);
    } catch (error) {
      this.reject(error);
    }
    if (hasTransfer) release(chunk);
    else leave('early', this.length); // freeing it by a message (Node 20) would take longer than all the rest
    return undefined;
  }

  closed() {
    if (this.request.bodyReading === this) this.abort();
  }

  /** Called when the response is over. */
  abort() {
    this.end();
    this.reject(this.ways.gone());
  }
}

module.exports = { HeapBody, SMALL, SmallBody };
