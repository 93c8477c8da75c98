'use strict';

// Answers a refused request, and then reads and drops the rest of its body, for so long and so much, before it closes the connection or resets the stream. A
// client that finds these reset before it has sent everything does not see the answer. A stream that is reset while its client sends does more harm: Node
// counts each frame that comes after it, and ends a session with a thousand of them. For bodies that a handler reads see node/drain.js.

const http = require('node:http');
const time = require('../base/time.js');

const DRAIN_BYTES = 16 * 1024 * 1024;
const DRAIN_MS = 5000;
const KEPT_ALIVE = 64 * 1024; // up to so many announced bytes are read to keep the connection

const NO_ERROR = 0; // of HTTP/2
const ENHANCE_YOUR_CALM = 11;

/** Whole seconds, from one to two times `ms` by chance, so that clients that were refused together do not come back together. */
const retryAfter = (ms) => Math.max(1, Math.round((ms / 1000) * (1 + Math.random())));

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
    const isHead = req.method === 'HEAD'; // no body: Node may be configured to throw for one
    if (stream !== undefined || isComplete) {
      if (isHead) res.end();
      else res.end(text);
    } else if (isHead) res.flushHeaders();
    else res.write(text); // all of it but its end, at which Node closes the connection
    if (isComplete) return;
    this.#timer = time.setTimeout(() => this.#cutOff(NO_ERROR), DRAIN_MS);
    this.#timer.unref?.();
    req._read?.(0); // where it was paused
  }

  /** The handler of an answered request, which is told that no more comes, answers too. Node would throw there, where often nobody catches it, and the process would end. */
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

  /** The rest of the body has come. */
  end() {
    time.clearTimeout(this.#timer);
    const { stream } = this.#req;
    if (stream === undefined) {
      if (!this.#res.writableEnded) this.#end();
      return;
    }
    // Node waits for somebody to read the end of a stream, and is not done with it in this turn.
    const destroy = () => time.setImmediate(() => stream.destroy());
    if (stream.writableFinished) destroy();
    else stream.once('finish', destroy);
  }

  /** `code`: of HTTP/2. */
  #cutOff(code) {
    this.over();
    const { stream, socket } = this.#req;
    if (stream !== undefined) stream.close(code);
    else socket?.destroy();
  }

  over() {
    time.clearTimeout(this.#timer);
  }
}

module.exports = { Refusal };
