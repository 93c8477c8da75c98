'use strict';

// Reads a stream of Node's to its end, for body(), collect() and rawBody(), by a listener of its
// 'data': each chunk is used up before the listener returns, so back-pressure is the socket's own,
// and a chunk that nobody else can have is released at once.

const { isUint8Array } = require('node:util').types;
const { kDumped, kState } = require('../base/internals.js');
const check = require('../base/validate.js');
const time = require('../base/time.js');
const { RallocError, abortedError, argumentError, typeError } = require('../base/errors.js');
const { endRequest } = require('./http2-stream.js');
const { StreamChunks } = require('./stream-chunks.js');
const { release } = require('./release.js');

const nothing = () => {};

/** Reads the option `limit`, in bytes. */
const limitReader = (value, name) => check.integer(value, name, 0, Number.MAX_SAFE_INTEGER);

/** What is read of a refused body, and for how long: see Reading.drain(). */
const drainDefaults = Object.freeze({ drainBytes: 16 * 1024 * 1024, drainMs: 5000 });
const drainReaders = {
  drainBytes: limitReader,
  drainMs: (value, name) => check.milliseconds(value, name, 0),
};

/** Whether it is a server's request: a client's responses have no method. */
const isRequest = ({ method, headers }) => typeof method === 'string' && headers !== undefined;

const readBefore = () =>
  argumentError(
    TypeError,
    'The body was read before, as body parsers do. Mount these behind the routes that read it by the arena, or only where it is not',
  );

/** Why `source`, named `what` in errors, cannot be read completely; undefined if it can. */
function faultOf(source, what = 'The "source" argument') {
  const state = source[kState]; // without it `decoder` shows at the first chunk
  const wrong = (why) => argumentError(TypeError, `${what} ${why}`);
  if (source.readableDidRead) return isRequest(source) ? readBefore() : wrong('was read before');
  if (state?.decoder) return wrong('gives strings: setEncoding() was called');
  if (state?.errored) return state.errored;
  if (source.destroyed || source.readableAborted)
    return abortedError('The stream was destroyed before it was read');
  return undefined;
}

/** Does not quote a string, which is of the body. */
const notBytes = (chunk) =>
  typeof chunk === 'string'
    ? argumentError(TypeError, 'The stream gives strings, as after setEncoding()')
    : typeError('chunk', 'an instance of Uint8Array', chunk);

const endedError = () =>
  new RallocError(
    'ERR_RALLOC_DEAD_BUFFER',
    'The response ended before the body had arrived. Await body() before you end the response',
  );

class Reading {
  #source;
  #take;
  #done;
  #chunks;
  #ended = null; // a stream of HTTP/2 that may have ended
  #onData = (chunk) => {
    const isOurs = isUint8Array(chunk) && this.#chunks.isOurs(chunk);
    const isKept = this.#onBytes(chunk, isOurs);
    if (isOurs && !isKept) release(chunk);
  };
  #onEnd = () => this.#ends();
  #onError = (error) => this.#settle(error);
  #onClose = () => this.#closes();

  /**
   * take(chunk, isOurs) is called for each chunk, and may throw. If nobody else has the chunk it
   * `isOurs`, and is released unless take() returns true. done(error, isOver) is called once: at
   * the end, or when something fails;
   * `isOver`: no more will come.
   */
  constructor(source, take, done) {
    this.#source = source;
    this.#take = take;
    this.#done = done;
    this.#chunks = new StreamChunks(source, (chunk) => this.#onBytes(chunk, true));
    source.on('data', this.#onData);
    source.on('end', this.#onEnd);
    source.on('error', this.#onError);
    source.on('close', this.#onClose);
    this.#chunks.watch(this.#onData);
    source.resume(); // even if it was paused
  }

  /** Returns whether the chunk is kept. Never throws, because its caller may be Node's parser. */
  #onBytes(chunk, isOurs) {
    try {
      if (!isUint8Array(chunk)) throw notBytes(chunk);
      return this.#take(chunk, isOurs) === true;
    } catch (error) {
      this.#finish(error, false);
      return false;
    }
  }

  #finish(error, isOver) {
    const done = this.#done;
    this.#done = nothing;
    this.#take = nothing;
    done(error, isOver);
  }

  // When the peer resets a stream of HTTP/2, the stream first ends as if it were complete, and is
  // aborted up to two turns later (measured: 800 of 800 on Node 20 to 26).
  #ends() {
    const source = this.#source;
    const { stream = source } = source;
    // The listeners were removed, or Node reads and drops the rest because the response is over.
    if (source[kDumped] || source.listenerCount('data') === 0) return this.#closes();
    if (typeof stream?.rstCode !== 'number') return this.#settle();
    this.#ended = stream;
    return time.setImmediate(() => time.setImmediate(this.#onClose));
  }

  #closes() {
    if (this.#ended?.aborted === false) this.#settle();
    else this.#settle(abortedError('The stream was closed before its end', this.#source.errored));
  }

  #settle(error) {
    this.stop();
    this.#finish(error, true);
  }

  /** Reads and drops the rest; calls onBytes(length) for each chunk. */
  discard(onBytes) {
    this.#take = ({ length }) => {
      onBytes(length);
    };
  }

  /**
   * Reads and drops the rest of a refused body: a client that finds its connection reset before it
   * has sent everything does not see the answer. done(isOver) is called once: at the end of the
   * request or of its connection, or at the bounds. For admission() see its refusal.js.
   */
  drain(options, done) {
    const source = this.#source;
    const { drainBytes, drainMs } = { ...drainDefaults, ...options };
    let left = drainBytes;
    const settle = (isOver) => {
      time.clearTimeout(timer);
      source.removeListener('end', onEnd);
      source.removeListener('close', onEnd);
      this.discard(nothing);
      done(isOver);
    };
    const onEnd = () => settle(true);
    const timer = time.unref(time.setTimeout(() => settle(false), drainMs));
    source.on('end', onEnd);
    source.on('close', onEnd);
    this.discard((bytes) => {
      left -= bytes;
      if (left < 0) settle(false);
    });
  }

  /** Stops reading a request: ends the connection, or in HTTP/2 the stream. */
  cutOff() {
    this.stop();
    this.#source.on('error', nothing);
    endRequest(this.#source);
  }

  /** Called when the response is over: later chunks must reach nobody. */
  abort() {
    const source = this.#source;
    this.stop();
    if (source.destroyed) source.on('error', nothing); // the error will be emitted soon
    this.#finish(endedError(), true);
  }

  /** Removes its listeners. */
  stop() {
    const source = this.#source;
    source.removeListener('data', this.#onData);
    source.removeListener('end', this.#onEnd);
    source.removeListener('error', this.#onError);
    source.removeListener('close', this.#onClose);
    this.#chunks.end();
  }
}

module.exports = {
  Reading,
  drainDefaults,
  drainReaders,
  endedError,
  faultOf,
  limitReader,
  readBefore,
};
