'use strict';

// Stops a readable stream that others read: what it pushes is kept until the valve opens again. A stream whose push() has returned false waits for its reader, and a reader that was given nothing
// asks for nothing. So Node stops reading the socket, TCP pushes back, and a decoder of node:zlib stops. What a closed valve keeps is what one read of the socket has brought.

const { sizeOf } = require('../admission/body.js');

class Valve {
  #push; // the stream's
  #stream;
  #owner; // has arrives(bytes), which may close the valve, ends(), and drops(bytes)
  #kept = []; // arguments of push()
  #isOpen = true;
  #isCut = false;

  constructor(stream, owner) {
    this.#stream = stream;
    this.#push = stream.push;
    this.#owner = owner;
    stream.push = (chunk, encoding) => this.#take(chunk, encoding);
  }

  #take(chunk, encoding) {
    if (this.#isCut) return this.#drop(chunk);
    if (chunk !== null) this.#owner.arrives(sizeOf(chunk));
    if (this.#isOpen && this.#kept.length === 0) return this.#pass(chunk, encoding);
    this.#kept.push([chunk, encoding]);
    // The stream of a request of HTTP/2 is closed: Node asserts that nothing reads the request then, so it has to end.
    if (chunk === null && this.#stream.stream?.closed)
      for (const one of this.#kept.splice(0)) this.#pass(...one);
    return false;
  }

  #pass(chunk, encoding) {
    if (chunk === null) this.#owner.ends();
    return this.#push.call(this.#stream, chunk, encoding);
  }

  #drop(chunk) {
    if (chunk === null) this.#owner.ends();
    else this.#owner.drops(sizeOf(chunk));
    return true;
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
