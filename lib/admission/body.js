'use strict';

// The body of a request as it arrives: its announced length, and how much has come. Nothing is read here. Node passes the chunks of a body to push() of the request
// (in HTTP/2, of the stream), which is replaced by a function that counts them. That costs 1 to 3 µs per request, so a body with a length is counted only if it is
// still arriving some seconds later.

const UNKNOWN = -1;

/** The size of one read of a socket. It is unknown how much of the read with the headers belonged to the body. */
const READ = 64 * 1024;

/** The least that a chunk counts. Times a `factor` of 2, it covers the 550 to 900 bytes of RSS that a Buffer takes on Node 20 to 26: 64 KiB of chunked encoding can hold ten thousand chunks of one byte. */
const CHUNK = 512;

const isPlain = (encoding) => encoding === undefined || encoding.toLowerCase() === 'identity';

/** The length of the body: 0 without a body, UNKNOWN if none is given. */
function lengthOf({ headers, stream }) {
  const text = headers['content-length'];
  if (text !== undefined) {
    const length = Number(text);
    return length >= 0 ? length : UNKNOWN;
  }
  if (stream !== undefined) return stream.endAfterHeaders === true ? 0 : UNKNOWN;
  return headers['transfer-encoding'] === undefined ? 0 : UNKNOWN;
}

const isEncoded = ({ headers }) => !isPlain(headers['content-encoding']);

const sizeOf = (chunk) => chunk?.byteLength ?? chunk?.length ?? 0;

/** Replaces `push` of a stream. A chunk is passed on if takes(bytes) returns true, and the end if ends() does. */
function watchPush(stream, takes, ends) {
  const { push } = stream;
  stream.push = function (chunk, ...rest) {
    const goesOn = chunk === null ? ends() : takes(sizeOf(chunk));
    return goesOn ? push.call(this, chunk, ...rest) : true;
  };
}

/** Calls add() for each stream that `stream` is piped into, such as gunzip, and that these are, once. `found`: a Set of them. */
function followPipes(stream, found, add) {
  const { pipe } = stream;
  stream.pipe = function (to, ...rest) {
    if (typeof to?.push === 'function' && !found.has(to)) {
      found.add(to);
      add(to);
      followPipes(to, found, add);
    }
    return pipe.call(this, to, ...rest);
  };
}

/** Counts what comes out of a decoder. */
function watchDecoder(decoder, takes) {
  const { push } = decoder;
  // If push() returns false, the decoder stops until it is read, which never happens here.
  decoder.push = function (chunk, ...more) {
    if (chunk !== null && !takes(sizeOf(chunk))) return false;
    return push.call(this, chunk, ...more);
  };
}

/** Tells who reads a request, or one of its decoders, that no more comes. */
function failBody(req, decoders, error) {
  // A request of HTTP/1 would destroy its socket too, which the answer still needs.
  if (req.stream === undefined) req._destroy = (cause, callback) => callback(cause);
  for (const stream of [req, ...decoders]) {
    if (stream.listenerCount('error') > 0) stream.destroy(error);
    else stream.destroy();
  }
}

class Body {
  isComplete = false;
  isWatched = false;
  announced;
  #req;
  #before; // bytes that the socket had read before the body
  #owner; // has takes(), which may refuse a chunk
  #decoders = null;
  #isCut = false;
  #counted = 0; // bytes of chunks
  #beyond = 0; // what small chunks count in addition to their bytes

  /** `isCounted`: whether chunks are counted from the beginning. */
  constructor(req, announced, owner, isCounted = false) {
    this.#req = req;
    this.announced = announced;
    this.#owner = owner;
    if ((req.stream ?? req)._readableState?.ended === true) this.isComplete = true; // it ended while another middleware ran, or the request waited
    const read = req.stream === undefined ? req.socket?.bytesRead : undefined;
    if (isCounted || announced === UNKNOWN || read === undefined || isEncoded(req)) this.watch();
    else this.#before = read - (req.readableLength ?? 0);
  }

  /** Bytes that have arrived, if chunks are counted. If they were not counted from the beginning, the error is at most one read, and the number at most the announced length. */
  get arrived() {
    const most = this.#before === undefined ? Infinity : this.announced;
    return Math.min(this.#counted, most) + this.#beyond;
  }

  /** Counts every chunk from now on. */
  watch() {
    const req = this.#req;
    this.isWatched = true;
    this.#counted = this.#soFar();
    watchPush(
      req.stream ?? req,
      (bytes) => (this.#isCut ? this.#owner.drops(bytes) : this.#takes(bytes)),
      () => this.#ends(),
    );
    if (!isEncoded(req)) return;
    this.#decoders = new Set();
    const takes = (bytes) => !this.#isCut && this.#takes(bytes);
    followPipes(req, this.#decoders, (to) => watchDecoder(to, takes));
  }

  #takes(bytes) {
    this.#counted += bytes;
    if (bytes < CHUNK) this.#beyond += CHUNK - bytes;
    return this.#owner.takes() && !this.#isCut;
  }

  /** Hides the end if the body was cut: its reader must not take it for complete. */
  #ends() {
    this.isComplete = true;
    this.#owner.comesToEnd();
    return !this.#isCut;
  }

  /** An upper bound of what has arrived, while chunks are not counted. */
  #soFar() {
    const { stream, socket, readableLength = 0 } = this.#req;
    if (this.#before !== undefined) {
      return Math.min(this.announced, socket.bytesRead - this.#before + READ);
    }
    return readableLength + (stream?.readableLength ?? 0);
  }

  /** Bytes that have arrived, as exactly as is known. */
  look() {
    if (this.isWatched) return this.arrived;
    if (this.#req.complete) this.isComplete = true;
    return this.#soFar();
  }

  /** Whether the body has stopped until its reader goes on. */
  get isPaused() {
    const { readableLength, readableHighWaterMark } = this.#req;
    return readableLength >= readableHighWaterMark;
  }

  /** Drops whatever comes from now on. */
  cut() {
    if (!this.isWatched) this.watch();
    this.#isCut = true;
  }

  /** Tells the reader that no more comes. */
  fail(error) {
    failBody(this.#req, this.#decoders ?? [], error);
  }
}

module.exports = { Body, UNKNOWN, failBody, followPipes, isEncoded, lengthOf, sizeOf };
