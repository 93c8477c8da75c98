'use strict';

// The body of a request as it comes: what is announced of it, and what has arrived. Nothing is read here, and nobody who reads is moved: Node gives a body's
// chunks to the request by its push() (to the stream, in HTTP/2), and that is replaced by one that counts. It costs a request 1 to 3 µs, so where a length
// is announced the body is looked at later, and only if it is still coming then.

const UNKNOWN = -1;

/** One read of a socket: of the one that had the headers nobody knows how much was of the body. */
const READ = 64 * 1024;

/** What a chunk counts at least: with a factor of 2 what its Buffer takes, 550 to 900 bytes of RSS on Node 20 to 26. In 64 KiB of chunked encoding there is room for ten thousand chunks of a byte. */
const CHUNK = 512;

const isPlain = (encoding) => encoding === undefined || encoding.toLowerCase() === 'identity';

/** Bytes; 0 without a body, UNKNOWN where no length is given. */
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

/** Replaces `push` of a stream. takes(bytes) says whether a chunk goes on; the end goes on where ends() says so. */
function watchPush(stream, takes, ends) {
  const { push } = stream;
  stream.push = function (chunk, ...rest) {
    const goesOn = chunk === null ? ends() : takes(sizeOf(chunk));
    return goesOn ? push.call(this, chunk, ...rest) : true;
  };
}

/** What comes out of all that `stream` is piped into, as out of gunzip. */
function watchPipes(stream, takes, found) {
  const { pipe } = stream;
  stream.pipe = function (to, ...rest) {
    if (typeof to?.push === 'function' && !found.has(to)) {
      found.add(to);
      const { push } = to;
      // A decoder that is told `false` makes no more until it is read, which never comes.
      to.push = function (chunk, ...more) {
        if (chunk !== null && !takes(sizeOf(chunk))) return false;
        return push.call(this, chunk, ...more);
      };
      watchPipes(to, takes, found);
    }
    return pipe.call(this, to, ...rest);
  };
}

class Body {
  isComplete = false;
  isWatched = false;
  announced;
  #req;
  #before; // bytes that the socket had read
  #owner; // takes(), which may refuse
  #decoders = null;
  #isCut = false;
  #counted = 0; // bytes of chunks
  #beyond = 0; // what small chunks count beyond their bytes

  /** `isCounted`: whether what comes is counted from the beginning. */
  constructor(req, announced, owner, isCounted = false) {
    this.#req = req;
    this.announced = announced;
    this.#owner = owner;
    if ((req.stream ?? req)._readableState?.ended === true) this.isComplete = true; // while others worked, or it waited
    const read = req.stream === undefined ? req.socket?.bytesRead : undefined;
    if (isCounted || announced === UNKNOWN || read === undefined || isEncoded(req)) this.watch();
    else this.#before = read - (req.readableLength ?? 0);
  }

  /** Bytes that count, where each chunk does. What is not counted from the beginning is known to within one read, and no more comes than is announced. */
  get arrived() {
    const most = this.#before === undefined ? Infinity : this.announced;
    return Math.min(this.#counted, most) + this.#beyond;
  }

  /** Counts chunk by chunk from now on. */
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
    watchPipes(req, (bytes) => !this.#isCut && this.#takes(bytes), this.#decoders);
  }

  #takes(bytes) {
    this.#counted += bytes;
    if (bytes < CHUNK) this.#beyond += CHUNK - bytes;
    return this.#owner.takes() && !this.#isCut;
  }

  /** Who reads has not seen all, and must not take it for all. */
  #ends() {
    this.isComplete = true;
    this.#owner.comesToEnd();
    return !this.#isCut;
  }

  /** At most what has arrived, where that is not counted. */
  #soFar() {
    const { stream, socket, readableLength = 0 } = this.#req;
    if (this.#before !== undefined) {
      return Math.min(this.announced, socket.bytesRead - this.#before + READ);
    }
    return readableLength + (stream?.readableLength ?? 0);
  }

  /** Bytes that have arrived, as well as that is known. */
  look() {
    if (this.isWatched) return this.arrived;
    if (this.#req.complete) this.isComplete = true;
    return this.#soFar();
  }

  /** Whether more would come if somebody read. */
  get isPaused() {
    const { readableLength, readableHighWaterMark } = this.#req;
    return readableLength >= readableHighWaterMark;
  }

  /** What comes from now on is dropped. */
  cut() {
    if (!this.isWatched) this.watch();
    this.#isCut = true;
  }

  /** Tells who reads that no more comes. */
  fail(error) {
    for (const stream of [this.#req, ...(this.#decoders ?? [])]) {
      if (stream.listenerCount('error') > 0) stream.destroy(error);
      else stream.destroy();
    }
  }
}

module.exports = { Body, UNKNOWN, lengthOf };
