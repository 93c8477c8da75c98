'use strict';

// Decides which allocations are samples: every byte is the start of one with the same probability (a Poisson process), so one of n bytes is a sample with the
// probability p = 1 - e^(-n/R), and stands for 1/p of its size. The mean distance R may change at any moment: what is left of a distance is as long, on
// average, as a new one.

const { attempt } = require('../../lib/base/attempt.js');

/**
 * Bytes until the next sample. The wrappers of allocating functions subtract what they see, and call sampled() below 0: one array for all of a
 * thread, since a loop over objects would cost more than the 2 ns that this does.
 */
const countdown = new Int32Array(1);

/** A distance is more than 32 times as long once in 10^14 times: it fits into 31 bits. */
const MOST = 2 ** 26;

const LEAST = 1;
const NEVER = 2 ** 31 - 1;
const NONE = -1;

class Sampling {
  #random;
  #mean;
  #rest = NONE; // of the distance, during a detour; the countdown is that of its next step then
  #step = 0;

  constructor(random, mean) {
    this.#random = random;
    this.mean = mean;
  }

  get mean() {
    return this.#mean;
  }

  /** Bytes, LEAST to MOST. */
  set mean(bytes) {
    this.#mean = Math.min(Math.max(bytes, LEAST), MOST);
    this.draw();
  }

  /** Begins the distance to the next sample. */
  draw() {
    this.#rest = NONE;
    countdown[0] = Math.min(Math.floor(this.#random.exponential() * this.#mean), NEVER);
  }

  /** The countdown ends once in `mean` bytes, for what is not a sample. */
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

  /** Whether what has just ended the countdown is a sample, and not a step of a detour. */
  arrives() {
    if (this.#rest === NONE) return true;
    this.#rest -= this.#step - countdown[0];
    this.#step = countdown[0];
    if (this.#rest >= 0) return false;
    this.#rest = NONE;
    return true;
  }

  /** How many allocations of `bytes` bytes a sample of one stands for. */
  weight(bytes) {
    return 1 / chance(bytes, this.#mean);
  }

  /** For what will have at most `most` bytes: undefined if it will not be a sample however many they are. */
  ticket(most) {
    const number = this.#random.uint32() / 2 ** 32;
    return number < chance(most, this.#mean) ? { number, mean: this.#mean } : undefined;
  }
}

const chance = (bytes, mean) => -Math.expm1(-bytes / mean);

/** The weight of what got a ticket, and has `bytes` bytes; undefined where it is no sample. */
function weightOf({ number, mean }, bytes) {
  const drawn = chance(bytes, mean);
  return number < drawn ? 1 / drawn : undefined;
}

/**
 * What a sample of `bytes` bytes that stands for `weight` of its kind adds to the variance of a sum of such, in KiB² (Horvitz-Thompson): it tells the error,
 * whatever the mean distance was at each.
 */
const varianceOf = (bytes, weight) => Math.round((1 - 1 / weight) * ((weight * bytes) / 1024) ** 2);

let sink = null;

/** Who gets the samples of this thread; null: nobody. */
function sampleTo(recorder) {
  sink = recorder;
  if (sink === null) countdown[0] = NEVER;
}

/**
 * Called by a wrapper when the countdown is below 0: it, `below`, has `made` what has `bytes` bytes for its caller. `source` says how, `memory` of which of
 * ralloc's it is, if that is not its source. Never throws: the application has what it asked for.
 */
function sampled(made, bytes, source, below, memory = source) {
  if (sink === null) countdown[0] = NEVER;
  else attempt(() => sink.sampled(made, bytes, source, below, memory));
}

/** As sampled(), for a chunk that `stream` is about to get: nobody's function is below. */
function sampledChunk(chunk, bytes, source, stream) {
  if (sink === null) countdown[0] = NEVER;
  else attempt(() => sink.sampledChunk(chunk, bytes, source, stream));
}

/** As sampled(), for what takes no memory of its own. */
function passed() {
  if (sink === null) countdown[0] = NEVER;
  else attempt(() => sink.passed());
}

/**
 * For what comes later, of which nobody knows the size but that it is at most `most` bytes: a ticket for finished(), or undefined. The stack is that above
 * `below`.
 */
const begun = (most, below) => attempt(() => sink?.begun(most, below));

/** What was begun has `made` what has `bytes` bytes. */
function finished(ticket, made, bytes, source) {
  if (ticket !== undefined) attempt(() => sink?.finished(ticket, made, bytes, source));
}

module.exports = {
  Sampling,
  NEVER,
  begun,
  countdown,
  finished,
  passed,
  sampleTo,
  sampled,
  sampledChunk,
  weightOf,
  varianceOf,
};
