'use strict';

// Has a budget for each key with requests in flight. A budget is kept for one more tick, because
// creating one costs as much as the rest of a request.

const { Budget, ledgerOf } = require('../budget/budget.js');
const { answerOf } = require('./options.js');

/**
 * Stands for all keys beyond `maxKeys`, which share one budget, so that clients that invent keys
 * lock nobody out.
 */
const OTHERS = Symbol('others');

/** What gives more to the part of `budget` for waiting requests: that has no option. */
const raisedFor = ({ name }) => ({
  option: 'maxBytes',
  of: name === '' ? 'the budget, for' : `the budget '${name}' for`,
});

class Keys {
  #settings;
  #all = new Map(); // key -> { key, budget, requests, room }
  #idle = []; // keys whose last request ended since the last sweep()
  busy = 0; // keys with requests in flight

  constructor(settings) {
    this.#settings = settings;
  }

  #open(key) {
    const { budget, maxBytesPerKey } = this.#settings;
    const of = key === OTHERS ? 'other keys' : key;
    const path = budget.name === '' ? '' : `${budget.name}/`;
    const own = new Budget({
      name: path === '' ? `key ${of}` : `${path}${of}`,
      maxBytes: maxBytesPerKey ?? Math.floor(budget.stats().limit / 2),
      parent: budget,
    });
    ledgerOf(own).label = `${path}keys`;
    ledgerOf(own).raisedBy = { option: 'maxBytesPerKey', of: 'admission() for' };
    const entry = { key, budget: own, requests: 0, room: null };
    this.#all.set(key, entry);
    return entry;
  }

  /** Returns the entry of a request's key. Call leave() when the request is over. */
  enter(req) {
    const { key: ask, maxKeys } = this.#settings;
    const own = answerOf(ask, 'options.key', req, 'string');
    let key = own;
    if (!this.#all.has(own) && this.#all.size >= maxKeys) {
      this.sweep();
      if (this.#all.size >= maxKeys) key = OTHERS;
    }
    const entry = this.#all.get(key) ?? this.#open(key);
    if (entry.requests === 0) this.busy++;
    entry.requests++;
    return entry;
  }

  leave(entry) {
    if (--entry.requests > 0) return;
    this.busy--;
    this.#idle.push(entry);
  }

  /**
   * The part of `room` for the waiting requests of a key: half at most, so that a key that floods
   * leaves room for others.
   */
  roomOf(entry, room) {
    entry.room ??= new Budget({
      name: `${entry.budget.name}/waiting requests`,
      maxBytes: Math.floor(room.stats().limit / 2),
      parent: room,
    });
    ledgerOf(entry.room).label = `${room.name} of keys`;
    ledgerOf(entry.room).raisedBy = raisedFor(this.#settings.budget);
    return entry.room;
  }

  /** Whether the full budget of that name belongs to the key. */
  isOf({ budget, room }, name) {
    return name === budget.name || (room !== null && name === room.name);
  }

  /** Drops the budgets of keys without requests. */
  sweep() {
    for (const { key, budget, requests, room } of this.#idle) {
      if (requests > 0 || this.#all.get(key)?.budget !== budget) continue;
      this.#all.delete(key);
      budget.close();
      room?.close();
    }
    this.#idle = [];
  }
}

module.exports = { Keys, raisedFor };
