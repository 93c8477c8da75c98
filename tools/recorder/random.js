'use strict';

// Random numbers of the recorder's own: the application's Math.random() may be seeded, or a fake.

const process = require('node:process');

/** sfc32 by Chris Doty-Humphrey. */
class Random {
  #a;
  #b;
  #c;
  #count = 1;

  constructor(seed) {
    this.#a = seed | 0;
    this.#b = (seed / 2 ** 32) | 0;
    this.#c = 0;
    for (let i = 0; i < 12; i++) this.uint32();
  }

  uint32() {
    const sum = (((this.#a + this.#b) | 0) + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + sum) | 0;
    return sum >>> 0;
  }

  /** A number of the exponential distribution with mean 1. Never 0, because the logarithm is of a number below 1. */
  exponential() {
    const high = this.uint32();
    return -Math.log((high + 0.5) / 2 ** 32);
  }

  hex() {
    return this.uint32().toString(16).padStart(8, '0');
  }
}

const newSeed = () => Number(process.hrtime.bigint() % 2n ** 40n) * 4096 + (process.pid & 4095);

module.exports = { Random, newSeed };
