'use strict';

// What is watched until V8 collects it, and what is to be said of its death.

const { deaths } = require('../../lib/memory/native.js');
const time = require('../../lib/base/time.js');

const TOLD = 512; // deaths that are read at once

class Watched {
  #deaths = new (deaths())();
  #registers = new Float64Array(2 * TOLD);
  #items = []; // by number; null: free
  #free = [];

  /** `item` stands for `object`, which is not kept alive. */
  watch(object, item) {
    const number = this.#free.pop() ?? this.#items.length;
    this.#deaths.watch(object, number);
    this.#items[number] = item;
  }

  /** Calls onDeath(item, heard) for those that died since. `heard`: when V8 told of it, in ms. */
  hear(onDeath) {
    for (;;) {
      const told = this.#deaths.drain(this.#registers);
      const now = time.now(); // behind it: a time before the collection itself would be taken for one of an earlier collection
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

  /** At the end, after a collection: calls onDeath(item) for those that are dead too, and of which V8 has not told. */
  settle(onDeath) {
    for (const [number, item] of this.#items.entries()) {
      if (item === null || this.#deaths.isAlive(number)) continue;
      this.#items[number] = null;
      onDeath(item);
    }
  }
}

module.exports = { Watched };
