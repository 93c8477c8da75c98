'use strict';

// The requests in flight, the oldest first, and which of them has had its arena for long. A list through the requests
// themselves, as of responses (response.js); the clock is read by ticks, since to read it costs a request 40 ns.

class LongRequests {
  #ticks;
  #now = 0; // ticks so far
  #first = null;
  #last = null;

  /** A request is long after so many whole ticks. */
  constructor(ticks) {
    this.#ticks = ticks;
  }

  add(request) {
    const last = this.#last;
    request.since = this.#now;
    request.older = last;
    if (last === null) this.#first = request;
    else last.newer = request;
    this.#last = request;
  }

  remove(request) {
    const { older, newer } = request;
    if (older === null) this.#first = newer;
    else older.newer = newer;
    if (newer === null) this.#last = older;
    else newer.older = older;
    request.older = null;
    request.newer = null;
  }

  /** One tick more. Gives a request that has become long with it, and keeps what it allocated; undefined if none has. */
  tick() {
    this.#now++;
    const since = this.#now - this.#ticks - 1; // it may have begun at the end of its tick
    let request = this.#first;
    while (request !== null && request.since < since) request = request.newer;
    while (request !== null && request.since === since) {
      if (request.keepsAll) return request;
      request = request.newer;
    }
    return undefined;
  }
}

module.exports = { LongRequests };
