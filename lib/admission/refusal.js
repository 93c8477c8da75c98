'use strict';

// Answers a refused request, and then reads and drops the rest of its body, up to a limit of time
// and bytes, before it closes the connection or resets the stream. If that happened while the
// client still sends, it would not see the answer. In HTTP/2 it would do more harm: Node counts
// each frame that arrives for a stream that was reset, and ends the session after a thousand. For
// bodies that a handler reads see node/reading.js.

const http = require('node:http');
const time = require('../base/time.js');
const { endRequest, endStream } = require('../node/http2-stream.js');

const DRAIN_BYTES = 16 * 1024 * 1024;
const DRAIN_MS = 5000;
const KEPT_ALIVE = 64 * 1024; // up to this announced length the body is read, and the connection kept

const NO_ERROR = 0; // of HTTP/2
const ENHANCE_YOUR_CALM = 11;

/**
 * Random whole seconds, one to two times `ms`, so that clients that were refused together do not
 * retry together.
 */
const retryAfter = (ms) =>
  Math.max(Math.ceil(ms / 1000), Math.round((ms / 1000) * (1 + Math.random())));

const HEADERS = [
  'setHeader',
  'setHeaders',
  'appendHeader',
  'removeHeader',
  'writeHead',
  'flushHeaders',
];

class Refusal {
  #req;
  #res;
  #left = DRAIN_BYTES;
  #timer;
  #end;

  constructor(req, res) {
    this.#req = req;
    this.#res = res;
    this.#end = () => res.end();
  }

  /** `left`: how many bytes of the body may still come; 0 if it `isComplete`. */
  answer(status, retryAfterMs, left, isComplete) {
    const [req, res] = [this.#req, this.#res];
    const { stream } = req;
    if (res.headersSent) return this.#cutOff(ENHANCE_YOUR_CALM);
    const text = `${http.STATUS_CODES[status]}\n`;
    const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': text.length };
    if (status !== 413) headers['Retry-After'] = retryAfter(retryAfterMs);
    if (stream === undefined && left > KEPT_ALIVE) headers.Connection = 'close';
    res.writeHead(status, headers);
    const isHead = req.method === 'HEAD'; // without a body, for which Node may be configured to throw
    if (stream !== undefined || isComplete) {
      if (isHead) res.end();
      else res.end(text);
    } else if (isHead) res.flushHeaders();
    else res.write(text); // not end(), after which Node would close the connection
    if (isComplete) return;
    this.#timer = time.unref(time.setTimeout(() => this.#cutOff(NO_ERROR), DRAIN_MS));
    req._read?.(0); // continues if it was paused
  }

  /**
   * Makes later answers by the handler do nothing. It is told that the body failed, and usually
   * answers that: Node would throw, often uncaught, and end the process.
   */
  mute() {
    const res = this.#res;
    const { end } = res;
    this.#end = () => end.call(res);
    for (const name of HEADERS) res[name] = () => res;
    res.write = (...args) => {
      const done = args.at(-1);
      if (typeof done === 'function') time.nextTick(done);
      return true;
    };
    res.end = (...args) => {
      res.write(...args);
      return res;
    };
  }

  drops(bytes) {
    this.#left -= bytes;
    if (this.#left < 0) this.#cutOff(ENHANCE_YOUR_CALM);
  }

  /** Called when the rest of the body has come. */
  end() {
    time.clearTimeout(this.#timer);
    const { stream } = this.#req;
    if (stream === undefined) {
      if (!this.#res.writableEnded) this.#end();
      return;
    }
    const destroy = () => endStream(stream); // Node would wait until it is read to its end
    if (stream.writableFinished) destroy();
    else stream.once('finish', destroy);
  }

  /** `code`: the error code for HTTP/2. */
  #cutOff(code) {
    this.over();
    endRequest(this.#req, code);
  }

  over() {
    time.clearTimeout(this.#timer);
  }
}

module.exports = { Refusal };
