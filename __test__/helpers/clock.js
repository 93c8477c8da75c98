'use strict';

// A clock that a test moves. While `use()` runs a function, that is all the time and all the timers that lib/ has;
// what is set then falls due by `pass()` and `turn()` alone, however long the test really takes.

const { clearTimeout } = require('node:timers');
const time = require('../../lib/base/time.js');

const MOST = 100_000; // timers in one pass(): more are a loop without end

class Clock {
  now = 1_000_000;
  timers = []; // { at, callback, args, every, refed }
  #turns = []; // functions that wait for the next turn of the loop
  #ticks = []; // and for the next tick

  /** Calls `act` in the clock's time, and gives its result. `act` must be synchronous; it may call pass(). */
  use(act) {
    const real = { ...time };
    Object.assign(time, {
      now: () => this.now,
      setTimeout: (callback, ms, ...args) => this.#set(callback, ms, args),
      setInterval: (callback, ms, ...args) => this.#set(callback, ms, args, ms),
      clearTimeout: (timer) => this.#clear(timer),
      clearInterval: (timer) => this.#clear(timer),
      setImmediate: (callback, ...args) => this.#turns.push(() => callback(...args)),
      nextTurn: (callback, value) => this.#turns.push(() => callback(value)),
      outside: (work) => this.#ticks.push(work),
    });
    try {
      const result = act();
      this.#tick();
      return result;
    } finally {
      Object.assign(time, real);
    }
  }

  #tick() {
    for (const work of this.#ticks.splice(0)) work();
  }

  #set(callback, ms, args, every = null) {
    const timer = { at: this.now + ms, callback, args, every, refed: true };
    timer.unref = () => {
      timer.refed = false;
      return timer;
    };
    this.timers.push(timer);
    return timer;
  }

  #clear(timer) {
    clearTimeout(timer); // if it was set outside of use()
    this.timers = this.timers.filter((one) => one !== timer);
  }

  /** Lets `ms` milliseconds pass, with the timers that fall due in them. */
  pass(ms) {
    this.use(() => {}); // the ticks that wait come first
    const end = this.now + ms;
    for (let fired = 0; ; fired++) {
      if (fired > MOST) throw new Error(`more than ${MOST} timers in ${ms} ms`);
      const due = this.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.now = Math.max(this.now, due.at);
      if (due.every === null) this.#clear(due);
      else due.at += due.every;
      this.use(() => due.callback(...due.args));
    }
    this.now = Math.max(this.now, end);
  }

  /** The next turn of the loop: what waits for it by setImmediate. */
  turn() {
    for (const callback of this.#turns.splice(0)) this.use(callback);
  }
}

module.exports = { Clock };
