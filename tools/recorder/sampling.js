'use strict';

// Decides which allocations are samples. Each allocated byte has the same probability to be picked
// (a Poisson process), and an allocation with a picked byte is a sample. So an allocation of n
// bytes is one with the probability p = 1 - e^(-n/R), and stands for 1/p of its size. The mean
// distance R may change at any moment: the rest of a distance is as long, on average, as a new one.

const process = require('node:process');

/**
 * Random numbers by sfc32 of Chris Doty-Humphrey: the application's Math.random() may be seeded, or
 * a fake.
 */
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

  /**
   * A number of the exponential distribution with mean 1. Never 0, because the logarithm is of a
   * number below 1.
   */
  exponential() {
    const high = this.uint32();
    return -Math.log((high + 0.5) / 2 ** 32);
  }

  hex() {
    return this.uint32().toString(16).padStart(8, '0');
  }
}

const newSeed = () => Number(process.hrtime.bigint() % 2n ** 40n) * 4096 + (process.pid & 4095);

/**
 * Bytes until the next sample. The wrappers of allocating functions subtract their bytes, and call
 * sampled() if it is below 0. One array for the whole thread, because a field of an object would
 * cost more than the 2 ns that this takes.
 */
const countdown = new Int32Array(1);

/**
 * The largest mean distance. Only one distance in 10^14 is more than 32 times the mean, so
 * distances fit into 31 bits.
 */
const MOST = 2 ** 26;

const LEAST = 1;
const NEVER = 2 ** 31 - 1;
const NONE = -1;

class Sampling {
  #random;
  #mean;
  #rest = NONE; // the rest of the distance during a detour, when the countdown is for the detour's next step
  #step = 0;

  constructor(random, mean) {
    this.#random = random;
    this.mean = mean;
  }

  get mean() {
    return this.#mean;
  }

  set mean(bytes) {
    this.#mean = Math.min(Math.max(bytes, LEAST), MOST);
    this.draw();
  }

  /** Begins the distance to the next sample. */
  draw() {
    this.#rest = NONE;
    countdown[0] = Math.min(Math.floor(this.#random.exponential() * this.#mean), NEVER);
  }

  /** Begins a detour: the countdown also ends once in `mean` bytes on average, without a sample. */
  detour(mean) {
    if (this.#rest === NONE) this.#rest = countdown[0];
    this.#step = Math.min(Math.floor(this.#random.exponential() * mean), this.#rest);
    countdown[0] = this.#step;
  }

  leaveDetour() {
    if (this.#rest === NONE) return;
    countdown[0] = this.#rest - (this.#step - countdown[0]);
    this.#rest = NONE;
  }

  /**
   * Whether the allocation that has just ended the countdown is a sample, and not a step of a
   * detour.
   */
  arrives() {
    if (this.#rest === NONE) return true;
    this.#rest -= this.#step - countdown[0];
    this.#step = countdown[0];
    if (this.#rest >= 0) return false;
    this.#rest = NONE;
    return true;
  }

  /** How many allocations of `bytes` bytes one sample of them stands for. */
  weight(bytes) {
    return 1 / chance(bytes, this.#mean);
  }

  /** A ticket for an allocation of at most `most` bytes; undefined if it cannot become a sample. */
  ticket(most) {
    const number = this.#random.uint32() / 2 ** 32;
    return number < chance(most, this.#mean) ? { number, mean: this.#mean } : undefined;
  }
}

const chance = (bytes, mean) => -Math.expm1(-bytes / mean);

/** The weight of an allocation of `bytes` bytes with a ticket; undefined if it is not a sample. */
function weightOf({ number, mean }, bytes) {
  const drawn = chance(bytes, mean);
  return number < drawn ? 1 / drawn : undefined;
}

/**
 * The variance, in KiB², that a sample adds to a sum (Horvitz-Thompson). It gives the error of the
 * sum even if the mean distance changed between samples.
 */
const varianceOf = (bytes, weight) => Math.round((1 - 1 / weight) * ((weight * bytes) / 1024) ** 2);

let sink = null;

/** Sets the recorder that gets the samples of this thread, or null. */
function sampleTo(recorder) {
  sink = recorder;
  if (sink === null) countdown[0] = NEVER;
}

/**
 * Makes a function of the recorder's for wrappers. It never throws, because the application must
 * get its object. It contains no closure, whose frames the stack of a sample would pass.
 */
const telling =
  (name) =>
  (...args) => {
    try {
      if (sink !== null) return sink[name](...args);
      countdown[0] = NEVER;
    } catch {
      // A stack overflow, or a function of Node's that the application has replaced.
    }
    return undefined;
  };

/**
 * `sampled(made, bytes, source, below, memory = source)` is called by a wrapper (`below`) when the
 * countdown is below 0: it has `made` an object of `bytes` bytes for its caller. `source`: see
 * sites.js; `memory`: the kind of ralloc's memory.
 */
const sampled = telling('sampled');

/**
 * `sampledChunk(chunk, bytes, source, stream)`: for a chunk that `stream` is about to get. There is
 * no function `below`.
 */
const sampledChunk = telling('sampledChunk');

/** `passed()`: for a call that has allocated no memory. */
const passed = telling('passed');

/**
 * For a later allocation of at most `most` bytes: `begun(most, below)` returns a ticket for
 * `finished(ticket, made, bytes, source)`; undefined if it cannot become a sample.
 */
const begun = telling('begun');
const finished = telling('finished');

/** `joined(made, list)`: for a result of Buffer.concat() during whose making a sample was taken. */
const joined = telling('joined');

module.exports = {
  ...{ NEVER, Random, Sampling, countdown, newSeed, sampleTo, varianceOf, weightOf },
  ...{ begun, finished, joined, passed, sampled, sampledChunk },
};
