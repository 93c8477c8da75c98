'use strict';

// A small body usually arrives whole with the headers of its request. It is copied from what Node's parser has, with hardly a listener on the
// stream, which saves a bare server a twelfth of a request's cost. Any other is read like a larger body, at the latest
// in the next turn of the loop, because a patch of the parser or the message may hide it here.

const { kParsed } = require('../base/protocol.js');
const time = require('../base/time.js');
const { hasTransfer } = require('../base/runtime.js');
const { lengthOf } = require('../base/views.js');
const { noteMessage } = require('./parser-chunks.js');
const { counts, leave } = require('../memory/foreign.js');
const { release } = require('./release.js');
const { hasReaders } = require('./stream-chunks.js');

const SMALL = 16 * 1024;

const { set } = Uint8Array.prototype;

/** Whether no code reads, or has read, `message`. */
function isUnread(message) {
  const state = message._readableState;
  return (
    state.length === 0 &&
    !state.decoder &&
    !message._dumped &&
    !message.socket?.destroyed &&
    !hasReaders(message, state)
  );
}

// Bodies begun in this turn of the loop. A finished one is removed: otherwise a minor collection would find all requests of the turn alive, and V8 would
// enlarge its new space for the survivors, to 16 MB instead of 4.
let fresh = [];

function readRest() {
  const late = fresh;
  fresh = [];
  for (const body of late) body?.late();
}

class SmallBody {
  #request;
  #length;
  #ways;
  #place = -1; // its index in `fresh`
  #message = null;
  #noted = null;
  #isTaken = false; // whether takes() has taken it
  #resolve;
  #reject;
  promise = new Promise((resolve, reject) => {
    this.#resolve = resolve;
    this.#reject = reject;
  });

  /**
   * `ways`: windowOf() returns its window; readStream() reads a body that does not arrive whole, and returns a promise; gone() returns the error if nothing more will come.
   */
  constructor(request, length, ways) {
    this.#request = request;
    this.#length = length;
    this.#ways = ways;
  }

  /** Returns false if ralloc does not see the parser's chunks, or `message` was read. */
  begin(message) {
    if (!isUnread(message)) return false;
    const noted = noteMessage(message, this);
    if (!noted?.isDirect) {
      noted?.end();
      return false;
    }
    if (fresh.length === 0) time.setImmediate(readRest);
    this.#place = fresh.push(this) - 1;
    this.#message = message;
    this.#noted = noted;
    this.#request.bodyReading = this;
    return true;
  }

  /** Called if it has not come with the headers, or not directly from the parser. */
  late() {
    if (this.#request.bodyReading === this && !this.#isTaken) this.#readStream();
  }

  #readStream() {
    this.#end();
    try {
      this.#resolve(this.#ways.readStream());
    } catch (error) {
      this.#reject(error);
    }
  }

  #end() {
    if (fresh[this.#place] === this) fresh[this.#place] = null;
    this.#noted.end();
    this.#request.bodyReading = null;
  }

  /** Called by the parser with `chunk`. Returns false if it must go through the stream: it is not the whole body, or other code reads it too. */
  takes(chunk) {
    const message = this.#message;
    if (lengthOf.call(chunk) !== this.#length || !isUnread(message)) {
      this.#readStream();
      return message._readableState[kParsed]?.direct?.takes(chunk) === true;
    }
    this.#isTaken = true;
    message._readableState.dataEmitted = true;
    message.on('end', () => this.#finish(chunk));
    message.resume();
    return true;
  }

  #finish(chunk) {
    if (this.#request.bodyReading !== this) return; // it was aborted
    this.#end();
    try {
      const body = this.#ways.windowOf().allocSlow(this.#length, false);
      set.call(body, chunk);
      counts.copied += this.#length;
      this.#resolve(body);
    } catch (error) {
      this.#reject(error);
    }
    if (hasTransfer) release(chunk);
    else leave('early', this.#length); // freeing it by a message (Node 20) would take longer than all the rest
  }

  /** Called when the response is over. */
  abort() {
    this.#end();
    this.#reject(this.#ways.gone());
  }
}

module.exports = { SMALL, SmallBody };
