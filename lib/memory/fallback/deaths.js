'use strict';

// Which of the objects that are watched were collected. Node up to 24 hears of those that died young at a major collection only, and nobody
// hears of any while the process ends.

const time = require('../../base/time.js');

class Deaths {
  #alive = new Set();
  #heard = [];
  #registry = new FinalizationRegistry((number) => {
    this.#alive.delete(number);
    this.#heard.push({ number, at: time.now() });
  });

  /** Watches an object. Its number is not to be used again before its death was told. */
  watch(object, number) {
    this.#registry.register(object, number);
    this.#alive.add(number);
  }

  /** As src/node/deaths.rs. */
  drain(registers) {
    const now = time.now();
    const told = this.#heard.splice(0, registers.length >> 1);
    for (const [i, { number, at }] of told.entries()) registers.set([number, now - at], 2 * i);
    return told.length;
  }

  /** True until its death was heard. */
  isAlive(number) {
    return this.#alive.has(number);
  }
}

module.exports = { Deaths };
