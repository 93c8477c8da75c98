'use strict';

const time = require('../../lib/base/time.js');

const OWN = /[\\/]lib[\\/](admission|budget)[\\/]/;

/** The timers that admission() and budgets have set, and that are neither cleared nor over. */
function watchTimers(t) {
  const real = { ...time };
  const live = new Map(); // timer → how it was set
  const isOwn = () => OWN.test(new Error('where').stack);
  const set =
    (kind, isOver) =>
    (callback, ms, ...args) => {
      if (!isOwn()) return real[kind](callback, ms, ...args);
      const timer = real[kind](() => {
        if (isOver) live.delete(timer);
        callback(...args);
      }, ms);
      live.set(timer, kind);
      return timer;
    };
  const clear = (kind) => (timer) => {
    live.delete(timer);
    real[kind](timer);
  };
  Object.assign(time, {
    setTimeout: set('setTimeout', true),
    setInterval: set('setInterval', false),
    clearTimeout: clear('clearTimeout'),
    clearInterval: clear('clearInterval'),
  });
  t.teardown(() => Object.assign(time, real));
  return live;
}

module.exports = { watchTimers };
