'use strict';

// The recorder's budget is a share of the CPU time of its thread. It is kept by changing the mean
// distance between samples. Loads come in bursts, so there is an account: the budget of a third of
// a second can be saved up, and after each doubling of the distance the account may be overdrawn by
// a limited amount.

const process = require('node:process');

/**
 * Default budgets, as fractions of a core: for `ralloc profile`, where people wait for the result,
 * and for a server in production.
 */
const BUDGETS = { profile: 0.02, production: 0.01 };

const LEAST = 32 * 1024; // bytes
const MOST = 64 * 1024 * 1024;

const OFTEN = 32; // the account is checked after so many samples, even within a loop that never yields

/**
 * Milliseconds whose share can be saved up, and milliseconds whose share may be overdrawn after
 * each doubling.
 */
const SAVED = 333;
const LENT = 167;

/**
 * Milliseconds after which the distance may be halved. It changes rarely, because samples of equal
 * weight tell the most, and a load that comes back after some idle seconds has to pay for each
 * doubling again: with 1 s, the samples of a server that is busy for 3 s in 9 cost 1.3 to 1.5 times
 * as much.
 */
const STEADY = 3000;

/**
 * Samples for each second that the thread is busy, whatever they cost: each doubling leaves so
 * many. Without them a load of 1 GB/s had 150 samples in 2 s, and lines were off by half. At first
 * more, and for each second that goes by, however busy the thread is in it: so a recording of 2 s
 * tells the largest lines within 15 %.
 */
const FLOOR = 100;
const FLOOR_AT_FIRST = 400;
const AT_FIRST = 2000; // milliseconds

/** A rate of samples is known after so many, or so much of the thread's time. */
const KNOWN_SAMPLES = 16;
const KNOWN_MS = 100;

/** The account is not overdrawn by more than this, in ms: then there would be no end of it. */
const DEEPEST = 2000;

/**
 * The distance is halved only if less than this part of the budget is spent, so that it need not be
 * doubled soon after.
 */
const LITTLE = 1 / 3;

/**
 * An idle thread counts as if it used this part of a core, so that it gets samples too; they cost
 * little.
 */
const IDLE = 0.1;

/**
 * This part of the budget is for samples, whatever the rest costs: taking fewer samples would not
 * reduce that.
 */
const OF_SAMPLES = 0.5;

/**
 * What a sample costs, as a multiple of the time that it takes: its finalizer, V8's handles and
 * ephemerons, and collections that come more often because the application is slower. On a server
 * with a major collection after each 100 requests, 55 µs cost 97 to 155.
 */
const WHOLE = 3;

const LONGEST_MS = 0.2; // if a sample takes longer, the thread was interrupted

class Budget {
  #share;
  #most; // that can be saved up, in ms
  #sampling;
  #isFixed;
  #balance; // milliseconds
  #least = 0; // the least balance; below it the distance is doubled
  #looked;
  #usedMs;
  #used;
  #samples = 0; // since the last look()
  #spent = 0; // ms, on these samples
  #other = 0; // ms, on everything else
  #steadySince;
  #spentSteady = 0;
  #earnedSteady = 0;
  #samplesSteady = 0;
  #usedSteady = 0;
  #passed = 0; // ms, while there were samples

  /**
   * `share`: of the thread's CPU time, 0 to 1. `usedMs(now)` returns that time; only differences
   * count.
   */
  constructor(share, sampling, isFixed, now, usedMs = (at) => at) {
    this.#share = share;
    this.#most = share * SAVED;
    this.#sampling = sampling;
    this.#isFixed = isFixed;
    this.#usedMs = usedMs;
    this.#used = usedMs(now);
    this.#balance = this.#most;
    this.#looked = now;
    this.#steadySince = now;
  }

  spend(ms, now) {
    this.#spent += Math.min(ms, LONGEST_MS) * WHOLE;
    if (++this.#samples >= OFTEN) this.look(now);
  }

  spendOther(ms) {
    this.#other += ms;
  }

  /**
   * Call it at intervals. Doubles the distance as needed, and halves it when much of the budget is
   * left.
   */
  look(now) {
    const used = this.#usedMs(now);
    const since = now - this.#looked;
    const usedSince = Math.max(Math.min(used - this.#used, since), since * IDLE);
    const whole = usedSince * this.#share;
    const earned = Math.max(whole - this.#other, whole * OF_SAMPLES);
    const spent = this.#spent;
    const deepest = -this.#share * DEEPEST;
    this.#balance = Math.max(deepest, Math.min(this.#balance + earned - spent, this.#most));
    this.#samplesSteady += this.#samples;
    this.#usedSteady += usedSince;
    if (this.#samples > 0) this.#passed += since;
    this.#spentSteady += spent;
    this.#earnedSteady += earned;
    this.#other = Math.min(this.#other - (whole - earned), this.#most); // the rest is paid at the next look()
    [this.#samples, this.#spent, this.#looked, this.#used] = [0, 0, now, used];
    if (this.#balance >= 0) this.#least = 0;
    const isOverdrawn = this.#balance < this.#least || this.#balance <= deepest;
    if (isOverdrawn && this.#mayDouble(now)) {
      this.#least = this.#balance - this.#share * LENT;
      return this.#set(2, now);
    }
    if (now - this.#steadySince < STEADY) return;
    this.#set(this.#spentSteady <= this.#earnedSteady * LITTLE ? 0.5 : 1, now);
  }

  /** Whether there are so many samples that half of them are enough. */
  #mayDouble(now) {
    const isKnown = this.#samplesSteady >= KNOWN_SAMPLES || this.#usedSteady >= KNOWN_MS;
    const least =
      this.#passed < AT_FIRST
        ? FLOOR_AT_FIRST * (now - this.#steadySince)
        : FLOOR * this.#usedSteady;
    return isKnown && this.#samplesSteady * 1000 >= 2 * least;
  }

  #set(factor, now) {
    this.#steadySince = now;
    this.#samplesSteady = 0;
    this.#usedSteady = 0;
    this.#spentSteady = 0;
    this.#earnedSteady = 0;
    const { mean } = this.#sampling;
    const next = Math.min(Math.max(mean * factor, LEAST), MOST);
    if (!this.#isFixed && next !== mean) this.#sampling.mean = next;
  }
}

/** The original: an application's tests may replace it later. */
const cpuUsage = process.threadCpuUsage ?? process.cpuUsage;

/** CPU time of the thread in ms; on Node 20 and 22, of the process. */
function usedMs() {
  const { user, system } = cpuUsage.call(process);
  return (user + system) / 1000;
}

module.exports = { BUDGETS, Budget, LEAST, usedMs };
