'use strict';

// A clock that a test moves. While `use()` runs a function, that is all the time and all the timers there are;
// what is set then falls due by `pass()` and `turn()` alone, however long the test really takes.

const NAMES = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate'];

class Clock {
  now = 1_000_000;
  timers = []; // { at, callback, args, every, refed }
  #turns = []; // functions that wait for the next turn of the loop

  /** Calls `act` in the clock's time, and gives its result. `act` must be synchronous; it may call pass(). */
  use(act) {
    const realNow = Object.getOwnPropertyDescriptor(performance, 'now');
    const real = NAMES.map((name) => globalThis[name]);
    const fakes = {
      setTimeout: (callback, ms, ...args) => this.#set(callback, ms, args),
      setInterval: (callback, ms, ...args) => this.#set(callback, ms, args, ms),
      clearTimeout: (timer) => this.#clear(timer),
      clearInterval: (timer) => this.#clear(timer),
      setImmediate: (callback, ...args) => this.#turns.push(() => callback(...args)),
    };
    Object.assign(globalThis, fakes);
    performance.now = () => this.now;
    try {
      return act();
    } finally {
      if (realNow === undefined)
        delete performance.now; // the real one is of the prototype
      else Object.defineProperty(performance, 'now', realNow);
      for (const [i, name] of NAMES.entries()) globalThis[name] = real[i];
    }
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
    this.timers = this.timers.filter((one) => one !== timer);
  }

  /** Lets `ms` milliseconds pass, with the timers that fall due in them. */
  pass(ms) {
    const end = this.now + ms;
    for (;;) {
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
