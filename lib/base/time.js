'use strict';

// Node's timers and its clock, as they were when ralloc was loaded. Fake timers of tests replace them later: a
// release must not wait for a fake nextTick, and a timer that is set in fake time is lost with it. node:timers has
// the real ones also where only the globals were replaced before, as Jest does. What was replaced there too
// before ralloc was loaded stays replaced.
//
// Timers run outside of every AsyncLocalStorage, with what was its store when ralloc was loaded: the idle timer lives
// as long as there is work, and so would the store of the request that set it.

const { AsyncLocalStorage } = require('node:async_hooks');
const { performance } = require('node:perf_hooks');
const { clearInterval, clearTimeout, setImmediate, ...timers } = require('node:timers');

const { nextTick } = process;
const { now } = performance;
const outside = AsyncLocalStorage.snapshot();

/** Tests move these by hand (`__test__/helpers/clock.js`), so they are called as methods of this object. */
const time = {
  now: () => now.call(performance),
  setTimeout: (callback, ms) => outside(timers.setTimeout, callback, ms),
  clearTimeout,
  setInterval: (callback, ms) => outside(timers.setInterval, callback, ms),
  clearInterval,
  setImmediate: (callback, argument) => outside(setImmediate, callback, argument),
  nextTick,
};

module.exports = time;
