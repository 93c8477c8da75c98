'use strict';

// Stops a readable stream that others read: what it pushes is kept until the valve opens again. A
// stream whose push() has returned false waits for its reader, and a reader that was given nothing
// asks for nothing. So Node stops reading the socket, TCP pushes back, and a decoder of node:zlib
// stops. What a closed valve keeps is what one read of the socket has brought.
//
// A reader that gets chunks from Node's parser (node/direct-body.js) still does: the valve is asked
// first, and what it does not let pass is pushed.

const { allow } = require('../node/own-methods.js');

const sizeOf = (chunk) => chunk?.byteLength ?? chunk?.length ?? 0;

class Valve {
  #push; // the stream's
  #stream;
  #inflow; // has arrives(bytes), which may close or cut the valve, drops(bytes) and ended(valve)
  #kept = []; // arguments of push()
  #isOpen = true;
  #isCut = false;
  #counted = undefined; // a chunk that has been counted and is pushed next
  #isDecoder;

  constructor(stream, inflow, isDecoder) {
    this.#stream = stream;
    this.#push = stream.push;
    this.#inflow = inflow;
    this.#isDecoder = isDecoder;
    const isSole = !Object.hasOwn(stream, 'push'); // another's may keep chunks
    const take = (chunk, encoding) => this.#take(chunk, encoding);
    stream.push = isSole ? allow(take, (chunk) => this.#lets(chunk)) : take;
  }

  /** Whether a chunk may go to the reader at once. */
  #lets(chunk) {
    if (!this.#passes) return false;
    this.#inflow.arrives(sizeOf(chunk));
    if (!this.#passes) this.#counted = chunk;
    return this.#passes;
  }

  get #passes() {
    return this.#isOpen && !this.#isCut && this.#kept.length === 0;
  }

  #take(chunk, encoding) {
    const isCounted = chunk === null || chunk === this.#counted;
    this.#counted = undefined;
    if (this.#isCut) return this.#drop(chunk);
    if (!isCounted) this.#inflow.arrives(sizeOf(chunk));
    if (this.#isCut) return !this.#isDecoder;
    if (this.#passes) return this.#pass(chunk, encoding);
    this.#kept.push([chunk, encoding]);
    return false;
  }

  #pass(chunk, encoding) {
    if (chunk === null) this.#inflow.ended(this.#isDecoder);
    if (this.#isCut) return true; // its reader must not take it for complete
    return this.#push.call(this.#stream, chunk, encoding);
  }

  /** A decoder is stopped, since nobody reads it, and a request goes on to its end. */
  #drop(chunk) {
    if (chunk === null) this.#inflow.ended(this.#isDecoder);
    else if (!this.#isDecoder) this.#inflow.drops(sizeOf(chunk));
    return !this.#isDecoder;
  }

  close() {
    this.#isOpen = false;
  }

  open() {
    if (this.#isOpen || this.#isCut) return;
    this.#isOpen = true;
    while (this.#isOpen && this.#kept.length > 0) this.#pass(...this.#kept.shift());
  }

  /** Drops whatever is kept, and comes from now on: its reader is told by somebody else. */
  cut() {
    this.#isCut = true;
    for (const [chunk] of this.#kept.splice(0)) this.#drop(chunk);
  }
}

module.exports = { Valve };
