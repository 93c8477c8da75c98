'use strict';

// Deaths (src/node/deaths.rs) in JavaScript: tells which of the watched objects V8 has collected.
// Node up to 24 hears of those that died young at a major collection only. While the process ends
// nobody hears of any: then a WeakRef tells. V8 keeps what has a new one until the turn is over, so
// in one turn there are WeakRefs of so many bytes.
//
// A registry may be told of a collection before its observers are, and at the end of a process they
// are not: a death is told in the next turn, when nobody can take it for one of the collection
// before.

const time = require('../../base/time.js');

const MOST_KEPT = 32 * 1024 * 1024;

/** One registry for all: see arena.js. */
const registry = new FinalizationRegistry(({ deaths, number }) => deaths.deref()?.hear(number));

class Deaths {
  #alive = new Map(); // number -> WeakRef, undefined beyond MOST_KEPT
  #heard = []; // deaths whose collection is known
  #fresh = [];
  #kept = 0; // bytes, in this turn
  #self = new WeakRef(this);

  /**
   * Watches an ArrayBuffer or a view. Do not use its number again before its death was reported.
   */
  watch(object, number) {
    registry.register(object, { deaths: this.#self, number });
    this.#alive.set(number, this.#referTo(object));
  }

  #referTo(object) {
    if (this.#kept > MOST_KEPT) return undefined;
    if (this.#kept === 0) {
      time.nextTurn(() => {
        this.#kept = 0;
      });
    }
    this.#kept += object.byteLength + 1;
    return new WeakRef(object);
  }

  /** Called when an object is dead. */
  hear(number) {
    this.#alive.delete(number);
    if (this.#fresh.length === 0) time.setImmediate(() => this.#settle()).unref?.();
    this.#fresh.push({ number, at: time.now() });
  }

  #settle() {
    this.#heard = this.#heard.concat(this.#fresh);
    this.#fresh = [];
  }

  /** Like drain() in src/node/deaths.rs. */
  drain(registers) {
    const now = time.now();
    const deaths = this.#heard.splice(0, registers.length >> 1);
    for (const [i, { number, at }] of deaths.entries()) registers.set([number, now - at], 2 * i);
    return deaths.length;
  }

  /** Whether an object is alive: no collection so far has found it dead. */
  isAlive(number) {
    return this.#alive.get(number)?.deref() !== undefined;
  }
}

module.exports = { Deaths };
