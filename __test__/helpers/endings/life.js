'use strict';

// When the arena of a request ends, seen from its handler's listeners, which run after those of the middleware.

const { setImmediate: turn } = require('node:timers/promises');

const ORDERS = {
  // Whatever listens to `close` may still read; one turn of nextTick later nobody can.
  close: /^(finish: live, )*close: live, after close: over(, |$)/,
  socket: /^(finish: live, )*(close: live, after close: over|after the socket: over)(, |$)/,
  finish: /^finish: live, (close: live, )?after finish: over(, |$)/,
};

class Life {
  #events = [];
  #res;
  #isLive;

  constructor({ arena, req, res }, ends = 'close') {
    this.ends = ends;
    this.#res = res;
    this.#isLive = () => arena.stats().live;
    const carrier = req.httpVersionMajor >= 2 ? req.stream : req.socket;
    res.on('finish', () => this.#seen('finish', ends === 'finish'));
    res.on('close', () => this.#seen('close', ends !== 'finish'));
    carrier.setMaxListeners(0);
    carrier.once('close', async () => {
      await turn();
      await turn();
      this.#note('after the socket');
    });
  }

  #note(event) {
    this.#events.push(`${event}: ${this.#isLive() ? 'live' : 'over'}`);
  }

  #seen(event, ends) {
    this.#note(event);
    if (ends) process.nextTick(() => this.#note(`after ${event}`));
  }

  /** What is wrong with the order of events; undefined where nothing is. */
  fault() {
    const order = this.#events.join(', ');
    return ORDERS[this.ends].test(order) ? undefined : order || 'nothing happened';
  }

  /** Closes the response once more. */
  closeAgain() {
    this.#res.emit('close');
  }
}

module.exports = { Life };
