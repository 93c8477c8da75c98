'use strict';

// Whether the process runs out of memory, as a level that all budgets of the thread tell. It is looked at while something is charged: every 100 ms, and
// sooner whenever one of the trees has charged a further sixteenth of its limit.

const time = require('../base/time.js');
const { giveBackWarm } = require('../memory/idle.js');
const { collector } = require('../memory/quarantine-gc.js');
const { Gauges } = require('./gauges.js');

const EVERY_MS = 100;
const STEPS = 16; // of a limit

const LEVELS = ['none', 'high', 'critical'];

/**
 * The shares of its limit from which on a number is at a level, and below which it leaves that again. RSS alone is no reason to refuse anything: what
 * the C library keeps for later counts there too, and so does what others wait for, of the machine's PSI.
 */
const BYTES = { enter: [0.85, 0.95], leave: [0.75, 0.9] };
const RESIDENT = { enter: [0.85], leave: [0.75] };
const WAITS = { enter: [0.1, 0.4], leave: [0.05, 0.2] };
const OF_MACHINE = { enter: [0.1], leave: [0.05] };

const thresholdsOf = (name, { isOwn }) => {
  if (name === 'psi') return isOwn ? WAITS : OF_MACHINE;
  return name === 'rss' ? RESIDENT : BYTES;
};

/** A number's level, which was `before`. */
function levelOf(share, before, { enter, leave }) {
  let level = enter.findLastIndex((least) => share >= least) + 1;
  while (level < before && share >= leave[level]) level++;
  return level;
}

class Levels {
  #levels = new Map(); // by the number's name

  /** The highest level of `numbers`, `{ name: { value, limit } }`, and which of them is at it: `{ level, cause }`, the latter null for level 0. */
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
  #makeGauges;
  #relieve;
  #levels = new Levels();
  #trees = new Set(); // the roots of those that have something charged
  #timer = null;
  #isDue = false;
  #calmed = new Set(); // functions
  #level = 0;
  #cause = null;

  constructor(makeGauges = () => new Gauges(), relieve = giveBack) {
    this.#makeGauges = makeGauges;
    this.#relieve = relieve;
  }

  /** `{ level, cause }`: 'none', 'high' or 'critical', and the number that says so, or null. */
  get state() {
    return { level: LEVELS[this.#level], cause: this.#cause };
  }

  /** Has the memory looked at soon, and until nothing is charged: the tree of `root` has charged a sixteenth more, or begins to. */
  watch(root) {
    root.mark = Number.POSITIVE_INFINITY; // until then
    this.#trees.add(root);
    if (this.#isDue) return;
    time.outside(() => this.look());
    this.#isDue = true;
  }

  /** Calls `waiter` once, when the level is not critical, unless what this returns is called before. Something has to be charged meanwhile. */
  whenCalm(waiter) {
    this.#calmed.add(waiter);
    return () => this.#calmed.delete(waiter);
  }

  look() {
    this.#isDue = false;
    this.#gauges ??= this.#makeGauges();
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
    if (level > 0) this.#relieve(isOther);
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
    } else if (this.#timer === null) {
      this.#timer = time.setInterval(() => this.look(), EVERY_MS);
      this.#timer.unref?.();
    }
  }
}

/** Memory that ralloc has warm goes back, and V8 is asked to find what nobody has any more, at the price that collections may have (memory/gc.js). */
function giveBack(isNew) {
  giveBackWarm();
  if (isNew) collector().requestMajor(false);
  else collector().requestGc({ full: true });
}

module.exports = { LEVELS, Levels, Pressure, pressure: new Pressure() };
