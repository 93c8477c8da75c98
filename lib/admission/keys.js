'use strict';

// A budget for each key that has a request in flight.

const { argumentError, received } = require('../base/errors.js');
const { Budget } = require('../budget/budget.js');

/** Stands for the keys beyond `maxKeys`, which have one budget together: those who invent keys share it, and shut nobody out. */
const OTHERS = Symbol('others');

class Keys {
  #settings;
  #all = new Map(); // key → { key, budget, requests }

  constructor(settings) {
    this.#settings = settings;
  }

  get size() {
    return this.#all.size;
  }

  #ask(req) {
    let key;
    try {
      key = this.#settings.key.call(undefined, req);
    } catch (cause) {
      const error = argumentError(TypeError, 'The function "options.key" threw: see the cause');
      throw Object.assign(error, { cause });
    }
    if (typeof key === 'string') return key;
    throw argumentError(
      TypeError,
      `The function "options.key" must return a string. ${received(key)}`,
    );
  }

  #open(key) {
    const { budget, maxBytesPerKey } = this.#settings;
    const of = key === OTHERS ? 'other keys' : key;
    const own = new Budget({
      name: budget.name === '' ? `key ${of}` : `${budget.name}/${of}`,
      maxBytes: maxBytesPerKey ?? Math.floor(budget.stats().limit / 2),
      parent: budget,
    });
    const entry = { key, budget: own, requests: 0 };
    this.#all.set(key, entry);
    return entry;
  }

  /** That of a request, until leave(). */
  enter(req) {
    const own = this.#ask(req);
    const isNew = !this.#all.has(own);
    const key = isNew && this.#all.size >= this.#settings.maxKeys ? OTHERS : own;
    const entry = this.#all.get(key) ?? this.#open(key);
    entry.requests++;
    return entry;
  }

  leave(entry) {
    if (--entry.requests > 0) return;
    this.#all.delete(entry.key);
    entry.budget.close();
  }
}

module.exports = { Keys };
