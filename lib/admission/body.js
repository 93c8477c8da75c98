'use strict';

// The body of a request that is charged: how much of it has come. Replacing push() costs 1 to 3 µs
// per request, so a body with a length is counted only if it is still arriving half a second later.

const { Inflow, UNKNOWN } = require('./inflow.js');

/**
 * The size of one read of a socket. It is unknown how much of the read with the headers belonged to
 * the body.
 */
const READ = 64 * 1024;

/**
 * The least that a chunk counts. Times a `factor` of 2, it covers the 550 to 900 bytes of RSS that
 * a Buffer takes on Node 20 to 26: 64 KiB of chunked encoding can hold ten thousand chunks of one
 * byte.
 */
const CHUNK = 512;

class Body extends Inflow {
  #before; // bytes that the socket had read before the body
  #owner; // has takes(), which may refuse or stop the body, and comesToEnd()
  #counted = 0; // bytes of chunks
  #beyond = 0; // what small chunks count in addition to their bytes

  /** `isCounted`: whether chunks are counted from the beginning. */
  constructor(req, res, length, owner, isCounted = false) {
    super(req, res, length);
    this.#owner = owner;
    const read = req.stream === undefined ? req.socket?.bytesRead : undefined;
    if (isCounted || length === UNKNOWN || read === undefined || this.isEncoded) this.watch();
    else this.#before = read - (req.readableLength ?? 0);
  }

  /**
   * Bytes that have arrived, if chunks are counted. If they were not counted from the beginning,
   * the error is at most one read, and the number at most the announced length.
   */
  get arrived() {
    const most = this.#before === undefined ? Infinity : this.length;
    return Math.min(this.#counted, most) + this.#beyond;
  }

  watch() {
    this.#counted = this.#soFar();
    super.watch();
  }

  arrives(bytes) {
    this.#counted += bytes;
    if (bytes < CHUNK) this.#beyond += CHUNK - bytes;
    this.#owner.takes();
  }

  ends() {
    this.#owner.comesToEnd();
  }

  /** An upper bound of what has arrived, while chunks are not counted. */
  #soFar() {
    const { stream, socket, readableLength = 0 } = this.req;
    if (this.#before !== undefined) {
      return Math.min(this.length, socket.bytesRead - this.#before + READ);
    }
    return readableLength + (stream?.readableLength ?? 0);
  }

  /** Bytes that have arrived, as exactly as is known. */
  look() {
    if (this.isWatched) return this.arrived;
    if (this.req.complete) this.isDone = true;
    return this.#soFar();
  }

  /** Whether the body has stopped until its reader goes on. */
  get isPaused() {
    const { readableLength, readableHighWaterMark } = this.req;
    return readableLength >= readableHighWaterMark;
  }
}

module.exports = { Body };
