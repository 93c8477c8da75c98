'use strict';

// Detects whether the process runs out of memory, as a level that all budgets of the thread report.
// It is checked every 100 ms as long as any budget has a charge, and at once when a tree has
// charged another sixteenth of its limit.

const time = require('../base/time.js');
const { giveBackWarm } = require('../memory/idle.js');
const { collector } = require('../memory/quarantine-gc.js');
const { Gauges } = require('./gauges.js');

const EVERY_MS = 100;
const STEPS = 16; // of a limit

const LEVELS = ['none', 'high', 'critical'];

/**
 * The shares of its limit at which a number enters a level and leaves it again. RSS alone never
 * refuses anything, since it includes memory that the C library keeps for later; nor does the PSI
 * of the whole machine, since it includes what other programs wait for.
 */
const BYTES = { enter: [0.85, 0.95], leave: [0.75, 0.9] };
const RESIDENT = { enter: [0.85], leave: [0.75] };
const WAITS = { enter: [0.1, 0.4], leave: [0.05, 0.2] };
const OF_MACHINE = { enter: [0.1], leave: [0.05] };

const thresholdsOf = (name, { isOwn }) => {
  if (name === 'psi') return isOwn ? WAITS : OF_MACHINE;
  return name === 'rss' ? RESIDENT : BYTES;
};

/** The level of a number that was at level `before`. */
function levelOf(share, before, { enter, leave }) {
  let level = enter.findLastIndex((least) => share >= least) + 1;
  while (level < before && share >= leave[level]) level++;
  return level;
}

class Levels {
  #levels = new Map(); // name of a number -> its level

  /**
   * The highest level of `numbers`, `{ name: { value, limit } }`, and the number that is at it: `{
   * level, cause }`. `cause` is null at level 0.
   */
  next(numbers) {
    let [level, cause, most] = [0, null, 0];
    const levels = new Map();
    for (const [of, number] of Object.entries(numbers)) {
      const { value, limit } = number;
      const share = value / limit;
      const own = levelOf(share, this.#levels.get(of) ?? 0, thresholdsOf(of, number));
      levels.set(of, own);
      if (own === 0 || own < level || (own === level && share <= most)) continue;
      [level, cause, most] = [own, { of, value, limit }, share];
    }
    this.#levels = levels;
    return { level, cause };
  }
}

class Pressure {
  #gauges = null;
  #levels = new Levels();
  #trees = new Set(); // the roots of trees with charges
  #timer = null;
  #isDue = false;
  #calmed = new Set(); // functions to call once the level is no longer critical
  #level = 0;
  #cause = null;

  /** `{ level, cause }`: 'none', 'high' or 'critical', and the number that caused it, or null. */
  get state() {
    return { level: LEVELS[this.#level], cause: this.#cause };
  }

  /**
   * Checks the memory soon, and from then on until nothing is charged. Called when the tree of
   * `root` begins to charge, or has charged another sixteenth.
   */
  watch(root) {
    root.mark = Number.POSITIVE_INFINITY; // until look() sets it
    this.#trees.add(root);
    if (this.#isDue) return;
    time.outside(() => this.look());
    this.#isDue = true;
  }

  /**
   * Calls `waiter` once the level is no longer critical. Returns a function that cancels it. The
   * level is checked only while something is charged.
   */
  whenCalm(waiter) {
    this.#calmed.add(waiter);
    return () => this.#calmed.delete(waiter);
  }

  look() {
    this.#isDue = false;
    this.#gauges ??= new Gauges();
    const { level, cause } = this.#levels.next(this.#gauges.read());
    const isOther = level !== this.#level;
    this.#level = level;
    this.#cause = cause;
    if (isOther) for (const root of this.#trees) root.tell(this.state);
    for (const root of this.#trees) {
      const { used, limit } = root;
      root.mark = used === 0 ? 0 : ((Math.floor((STEPS * used) / limit) + 1) * limit) / STEPS;
      if (used === 0 && level === 0) this.#trees.delete(root);
    }
    for (const root of this.#trees) root.relieve();
    if (level > 0) giveBack(isOther);
    if (this.state.level !== 'critical') this.#tellCalm();
    this.#keepLooking(this.#trees.size > 0);
  }

  #tellCalm() {
    for (const waiter of this.#calmed) {
      this.#calmed.delete(waiter);
      waiter();
    }
  }

  #keepLooking(goesOn) {
    if (!goesOn) {
      time.clearInterval(this.#timer);
      this.#timer = null;
    } else this.#timer ??= time.unref(time.setInterval(() => this.look(), EVERY_MS));
  }
}

/** Gives warm memory back, and asks V8 for a collection within the limits of memory/gc.js. */
function giveBack(isNew) {
  giveBackWarm();
  if (isNew) collector().requestMajor(false);
  else collector().requestGc({ full: true });
}

module.exports = { LEVELS, Levels, pressure: new Pressure() };
