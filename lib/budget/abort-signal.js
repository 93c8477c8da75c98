'use strict';

// Ends waits by an AbortSignal. Adding a listener makes Node look at all listeners of the signal,
// so waits with the same signal share one.

const { addAbortListener } = require('node:events');
const { itemOf } = require('../base/item-of.js');

const groups = new WeakMap(); // signal -> its group

class Group {
  #signal;
  #waiters = new Set();
  #listener;

  constructor(signal, onAbort) {
    this.#signal = signal;
    this.#listener = addAbortListener(signal, () => onAbort([...this.#waiters], signal));
  }

  add(waiter) {
    this.#waiters.add(waiter);
  }

  delete(waiter) {
    this.#waiters.delete(waiter);
    if (this.#waiters.size > 0 || groups.get(this.#signal) !== this) return;
    groups.delete(this.#signal);
    this.#listener[Symbol.dispose]();
  }
}

/**
 * Adds `waiter` to the group of a signal, and returns the group; remove it when it waits no longer.
 * On abort, `onAbort(waiters, signal)` is called with all that are in the group.
 */
function groupOf(signal, waiter, onAbort) {
  const group = itemOf(groups, signal, () => new Group(signal, onAbort));
  group.add(waiter);
  return group;
}

module.exports = { groupOf };
