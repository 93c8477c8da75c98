'use strict';

// Watches objects until V8 collects them, and reports each death with the item that was given for the object.

const { deaths } = require('../../lib/memory/native.js');
const time = require('../../lib/base/time.js');

const TOLD = 512; // how many deaths to read together

class Watched {
  #deaths = new (deaths())();
  #registers = new Float64Array(2 * TOLD);
  #items = []; // by number; null: free
  #free = [];

  /** Watches `object`, without keeping it alive; `item` is passed to onDeath(). */
  watch(object, item) {
    const number = this.#free.pop() ?? this.#items.length;
    this.#deaths.watch(object, number);
    this.#items[number] = item;
  }

  /** Calls onDeath(item, heard) for objects that died since the last call. `heard`: when V8 reported it, in ms. */
  hear(onDeath) {
    for (;;) {
      const told = this.#deaths.drain(this.#registers);
      const now = time.now(); // read after the deaths: a time before their collection would be attributed to an earlier one
      for (let i = 0; i < told; i++) {
        const number = this.#registers[2 * i];
        const item = this.#items[number];
        this.#items[number] = null;
        this.#free.push(number);
        if (item !== null) onDeath(item, now - this.#registers[2 * i + 1]);
      }
      if (told < TOLD) return;
    }
  }

  /** Call it at the end, after a collection: calls onDeath(item) for dead objects that V8 has not reported. */
  settle(onDeath) {
    for (const [number, item] of this.#items.entries()) {
      if (item === null || this.#deaths.isAlive(number)) continue;
      this.#items[number] = null;
      onDeath(item);
    }
  }
}

module.exports = { Watched };
