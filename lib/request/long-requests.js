'use strict';

// The requests in flight that have memory, in the order in which they took it, and which of them have had it for long. A list through
// the requests themselves, as of responses (response.js); the clock is read by ticks, since to read it costs a request 40 ns.

class LongRequests {
  #ticks;
  #now = 0; // ticks so far
  #first = null;
  #last = null;

  /** A request is long so many whole ticks after its first span. */
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

  /** One tick more. Calls tell() with each request that has become long with it, and keeps what it allocated. */
  tick(tell) {
    this.#now++;
    const since = this.#now - this.#ticks - 1; // it may have come at the end of its tick
    let request = this.#first;
    while (request !== null && request.since < since) request = request.newer;
    while (request !== null && request.since === since) {
      if (request.keepsAll) tell(request);
      request = request.newer;
    }
  }
}

module.exports = { LongRequests };
