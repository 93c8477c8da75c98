'use strict';

// The recorder's budget of CPU time, a share of the time that its thread has of a core, and the mean distance between samples that keeps to it. Loads come in
// bursts, so there is an account: what was not taken for a third of a second may be taken later, and after each doubling something may be overdrawn until the
// next.

const process = require('node:process');

const LEAST = 32 * 1024; // bytes
const MOST = 64 * 1024 * 1024;

/** Samples after which the account is looked at, in the midst of a loop that nobody interrupts. */
const OFTEN = 32;

/** Milliseconds whose share is saved up, and that of what is overdrawn after each doubling. */
const SAVED = 333;
const LENT = 167;

/** Milliseconds after which the distance may be halved: samples of one weight tell the most, so it changes seldom. */
const STEADY = 1000;

/** Halved where less than this part is taken, so that it is not doubled next. */
const LITTLE = 1 / 3;

/** A thread that is idle counts as one that has this part of a core: what it costs is little, and it is to have samples too. */
const IDLE = 0.1;

/** This part of the budget is the samples', whatever else is spent: to take fewer of them would not spare that. */
const OF_SAMPLES = 0.5;

/** What a sample costs where no clock looks: its finalizer, and V8's handles. */
const UNSEEN_MS = 0.003;

/** One that took longer was interrupted. */
const LONGEST_MS = 0.2;

class Budget {
  #share;
  #sampling;
  #isFixed;
  #balance; // milliseconds
  #least = 0; // of it; below, the distance is doubled
  #looked;
  #usedMs;
  #used;
  #samples = 0; // since
  #spent = 0; // on them
  #other = 0; // on the rest
  #steadySince;
  #spentSteady = 0;
  #earnedSteady = 0;

  /** `share`: of the time that the thread has of a core, 0 to 1: `usedMs(now)` tells that time, from anywhere. */
  constructor(share, sampling, isFixed, now, usedMs = (at) => at) {
    this.#share = share;
    this.#sampling = sampling;
    this.#isFixed = isFixed;
    this.#usedMs = usedMs;
    this.#used = usedMs(now);
    this.#balance = this.#most;
    this.#looked = now;
    this.#steadySince = now;
  }

  get #most() {
    return this.#share * SAVED;
  }

  /** A sample took `ms`, until `now`. */
  spend(ms, now) {
    this.#spent += Math.min(ms, LONGEST_MS) + UNSEEN_MS;
    if (++this.#samples >= OFTEN) this.look(now);
  }

  /** Something else did. */
  spendOther(ms) {
    this.#other += ms;
  }

  /** To be called now and then. Doubles the distance as needed, and halves it when there is much to spare. */
  look(now) {
    const used = this.#usedMs(now);
    const since = now - this.#looked;
    const usedSince = Math.max(Math.min(used - this.#used, since), since * IDLE);
    const whole = usedSince * this.#share;
    const earned = Math.max(whole - this.#other, whole * OF_SAMPLES);
    const spent = this.#spent;
    this.#balance = Math.min(this.#balance + earned - spent, this.#most);
    this.#spentSteady += spent;
    this.#earnedSteady += earned;
    this.#other = Math.min(this.#other - (whole - earned), this.#most); // the rest is paid next
    [this.#samples, this.#spent, this.#looked, this.#used] = [0, 0, now, used];
    if (this.#balance >= 0) this.#least = 0;
    if (this.#balance < this.#least) {
      this.#least = this.#balance - this.#share * LENT;
      return this.#set(2, now);
    }
    if (now - this.#steadySince < STEADY) return;
    this.#set(this.#spentSteady <= this.#earnedSteady * LITTLE ? 0.5 : 1, now);
  }

  #set(factor, now) {
    this.#steadySince = now;
    this.#spentSteady = 0;
    this.#earnedSteady = 0;
    const { mean } = this.#sampling;
    const next = Math.min(Math.max(mean * factor, LEAST), MOST);
    if (!this.#isFixed && next !== mean) this.#sampling.mean = next;
  }
}

/** The original: an application's tests may replace it later. */
const cpuUsage = process.threadCpuUsage ?? process.cpuUsage;

/** Milliseconds of a core that the thread has had; on Node 20 and 22 the process. */
function usedMs() {
  const { user, system } = cpuUsage.call(process);
  return (user + system) / 1000;
}

module.exports = { Budget, LEAST, usedMs };
