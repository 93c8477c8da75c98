'use strict';

// Node's timers and its clock, as they were when ralloc was loaded. Fake timers of tests replace
// them later: a release must not wait for a fake nextTick, and a timer that is set in fake time is
// lost with it. node:timers has the real ones also where only the globals were replaced before, as
// Jest does. What was replaced there too before ralloc was loaded stays replaced.
//
// A timer keeps the stores of every AsyncLocalStorage that it was set in. The idle timer lives as
// long as there is work, and so would the store of the request that set it: such timers are set by
// outside(), with the stores of the time when ralloc was loaded. Not at once: Node ends the process
// where vm's timeout stops a call in another context.

const { AsyncResource } = require('node:async_hooks');
const process = require('node:process');
const timers = require('node:timers');
const { mayHaveLoaded } = require('./runtime.js');

/** The longest wait of Node's timers, in milliseconds. */
const MOST_MS = 2 ** 31 - 1;

const { hrtime, nextTick } = process;
const { setImmediate } = timers;

/**
 * Used only if it is already loaded, because loading takes a millisecond. Test runners load it, and
 * may replace hrtime() by a fake, but not this.
 */
const own = mayHaveLoaded('perf_hooks') ? require('node:perf_hooks').performance : undefined;
const ownNow = own?.now;

const { now: wall } = Date;

/**
 * Keeps the same stores as AsyncLocalStorage.snapshot(), but Jest does not report it as an open
 * handle.
 */
class Outside extends AsyncResource {
  hasRef() {
    return false;
  }
}

const outside = new Outside('RALLOC');
const runOutside = (work) => outside.runInAsyncScope(work);

/**
 * Tests move these by hand (`__test__/helpers/clock.js`), so they are called as methods of this
 * object.
 */
const time = {
  MOST_MS,
  /** Milliseconds, of a clock that never goes back. */
  now() {
    if (own !== undefined) return ownNow.call(own);
    const [seconds, nanoseconds] = hrtime();
    return seconds * 1000 + nanoseconds / 1e6;
  },
  /** Milliseconds since 1970. */
  wall,
  setTimeout: timers.setTimeout,
  clearTimeout: timers.clearTimeout,
  setInterval: timers.setInterval,
  clearInterval: timers.clearInterval,
  setImmediate,
  nextTick,
  /** Lets the process end before `timer` is due. Returns it, which of fake ones may be a number. */
  unref: (timer) => timer.unref?.() ?? timer,
  /** Calls work() at the next tick, outside of every store. */
  outside: (work) => nextTick(runOutside, work),
  /**
   * Calls work(value) in a later turn of the loop. For what an application's own call may reach: if
   * vm's timeout stops setImmediate() halfway, the loop spins for ever (seen on Node 20 to 26).
   * nextTick() can be stopped anywhere.
   */
  nextTurn: (work, value) => nextTick(setImmediate, work, value),
};

module.exports = time;
