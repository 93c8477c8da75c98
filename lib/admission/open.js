'use strict';

// The requests in flight, checked ten times a second for clients that read their response slowly and for bodies that trickle. An intrusive list, like that of the
// responses (request/response.js).

const time = require('../base/time.js');

const TICK_MS = 100;

class OpenRequests {
  size = 0;
  #first = null;
  #timer = null;
  #afterTick;

  constructor(afterTick) {
    this.#afterTick = afterTick;
  }

  add(request) {
    const first = this.#first;
    request.next = first;
    if (first !== null) first.previous = request;
    this.#first = request;
    this.size++;
    if (this.size === 1) time.outside(() => this.#start());
  }

  remove(request) {
    const { previous, next } = request;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next !== null) next.previous = previous;
    request.previous = null;
    request.next = null;
    this.size--;
  }

  #start() {
    if (this.#timer !== null) return;
    this.#timer = time.setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref?.();
  }

  #tick() {
    for (let request = this.#first; request !== null; ) {
      const { next } = request;
      request.look();
      request = next;
    }
    this.#afterTick();
    if (this.size > 0) return;
    time.clearInterval(this.#timer);
    this.#timer = null;
  }
}

module.exports = { OpenRequests, TICK_MS };
