'use strict';

// The requests in flight, the oldest first, and the clock by which they are checked. It counts
// ticks, since no client can come on while the loop is blocked.

const { Line } = require('../base/line.js');
const time = require('../base/time.js');
const { isReset } = require('../node/http2-stream.js');

/** Its members have `stream`, which is undefined on HTTP/1, and end(). */
class OpenRequests extends Line {
  size = 0;
  #timer = null;
  #tickMs;
  #onTick;

  constructor(tickMs, onTick) {
    super();
    this.#tickMs = tickMs;
    this.#onTick = onTick;
  }

  push(request) {
    super.push(request);
    this.size++;
    if (this.size === 1 && this.#timer === null) time.outside(() => this.#start());
  }

  remove(request) {
    super.remove(request);
    request.previous = null; // a dead one must not keep others from V8's young collections
    request.next = null;
    this.size--;
  }

  /** Calls act() for each. It may end that one: others end in later ticks. */
  each(act) {
    for (let request = this.first; request !== null; ) {
      const { next } = request;
      if (request.line !== null) act(request);
      request = next;
    }
  }

  #start() {
    this.#timer ??= time.unref(time.setInterval(() => this.#tick(), this.#tickMs));
  }

  #tick() {
    this.each((request) => isReset(request.stream) && request.end());
    this.#onTick();
    if (this.size > 0) return;
    time.clearInterval(this.#timer);
    this.#timer = null;
  }
}

module.exports = { OpenRequests };
