'use strict';

// The body of a request as it comes. Nothing is read here: valves in front of the request and, of a
// compressed one, of the decoders that it is piped into count it, stop it, and drop it where the
// request is refused.

const { kState } = require('../base/internals.js');
const { Pace } = require('./pace.js');
const { Refusal } = require('./refusal.js');
const { Valve } = require('./valve.js');

const UNKNOWN = -1;
const UNSAID = 64 * 1024; // how much of a body without a length is expected at least

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

/**
 * Calls add() for each stream that `stream` is piped into, such as gunzip, and that these are,
 * once.
 */
function followPipes(stream, add) {
  const { pipe } = stream;
  stream.pipe = function (to, ...rest) {
    if (typeof to?.push === 'function' && add(to)) followPipes(to, add);
    return pipe.call(this, to, ...rest);
  };
}

class Inflow {
  line = null; // fields of a member of OpenRequests
  previous = null;
  next = null;
  req;
  res;
  length;
  isEncoded;
  hasCome; // all of it
  isDone; // and out of its decoders
  isStopped = false;
  isRefused = false;
  pace = new Pace();
  #valves = [];
  #decoders = null; // a Set
  #left = 1; // streams that have not ended
  #refusal = null;

  /** A subclass has arrives(bytes), called before the bytes pass on, and ends(). */
  constructor(req, res, length) {
    this.req = req;
    this.res = res;
    this.length = length;
    this.isEncoded = !isPlain(req.headers['content-encoding']);
    // it ended while another middleware ran, or the request waited
    this.hasCome = (req.stream ?? req)[kState]?.ended === true;
    this.isDone = this.hasCome;
  }

  get isWatched() {
    return this.#valves.length > 0;
  }

  /** Counts what comes from now on. */
  watch() {
    const { req } = this;
    this.#valves.push(new Valve(req.stream ?? req, this, false));
    if (this.isEncoded) followPipes(req, (to) => this.#follow(to));
  }

  #follow(decoder) {
    this.#decoders ??= new Set();
    if (this.#decoders.has(decoder)) return false;
    this.#decoders.add(decoder);
    this.#left++;
    const valve = new Valve(decoder, this, true);
    this.#valves.push(valve);
    if (this.isRefused) valve.cut();
    else if (this.isStopped) valve.close();
    return true;
  }

  /**
   * Bytes that may still come of a body of which `got` have come; as many again where no length is
   * given.
   */
  restOf(got) {
    if (this.isDone) return 0;
    if (this.length === UNKNOWN || this.isEncoded) return Math.max(UNSAID, got);
    return Math.max(0, this.length - got);
  }

  /** Called by a valve at the end of its stream. */
  ended(isDecoder) {
    if (!isDecoder) this.hasCome = true;
    this.#left--;
    if (this.#refusal !== null) return isDecoder || this.#refusal.end();
    if (this.#left > 0) return undefined;
    this.isDone = true;
    return this.ends();
  }

  drops(bytes) {
    this.#refusal?.drops(bytes);
  }

  stop() {
    this.isStopped = true;
    for (const valve of this.#valves) valve.close();
  }

  goOn() {
    this.isStopped = false;
    for (const valve of this.#valves) valve.open();
  }

  /** Answers instead of the handler, which has not been called. */
  refuse(status, retryAfterMs) {
    const left = this.length === UNKNOWN ? Number.POSITIVE_INFINITY : this.length;
    this.#answer(status, retryAfterMs, this.hasCome ? 0 : left);
  }

  /**
   * Answers although the handler was called: whoever reads the body is told that no more comes, and
   * what the handler answers is dropped.
   */
  fail(status, retryAfterMs, error) {
    const { req } = this;
    this.#answer(status, retryAfterMs, Number.POSITIVE_INFINITY);
    this.#refusal.mute();
    // A request of HTTP/1 would destroy its socket too, which the answer still needs.
    if (req.stream === undefined) req._destroy = (cause, callback) => callback(cause);
    for (const stream of [req, ...(this.#decoders ?? [])]) {
      if (stream.listenerCount('error') > 0) stream.destroy(error);
      else stream.destroy();
    }
  }

  #answer(status, retryAfterMs, left) {
    this.isRefused = true;
    if (!this.isWatched) this.watch();
    for (const valve of this.#valves) valve.cut(); // first: what is kept may be its end
    this.#refusal = new Refusal(this.req, this.res);
    this.#refusal.answer(status, retryAfterMs, left, this.hasCome);
  }

  /** Called when the response is over. */
  over() {
    this.#refusal?.over();
  }
}

module.exports = { Inflow, UNKNOWN, lengthOf };
