'use strict';

// A timer that keeps nothing alive: neither the process nor whom it calls.

/** Calls target.tick() every `ms` milliseconds until it returns false or the target is collected. */
function every(ms, target) {
  const ref = new WeakRef(target);
  const timer = setInterval(() => {
    const alive = ref.deref();
    if (alive === undefined || !alive.tick()) clearInterval(timer);
  }, ms);
  timer.unref();
}

module.exports = { every };
