'use strict';

// Returns unused memory of arenas, slabs and regions to the operating system. One unref'd timer
// visits them, once a second (a slab: after half of its `idleMs`, if that is less). Spans that
// stayed warm for a whole tick go to the depot. The depot's pages go back to the system after one
// more second without a user (TICK_MS, here; src/memory/depot.rs does it). The timer is never on a
// hot path, and works in slices: a thousand arenas take 200 ms of system calls at once (430 MB, 0.1
// µs a page).
//
// Other memory goes back elsewhere: free pages inside a region's chunks by region/collector.js,
// which is visited from here; what malloc keeps by malloc-trim.js; the memory of compressors and
// file reads by spares.js. A budget under pressure calls giveBackWarm(), which does not wait.
// Quarantined memory comes back by V8's collections (gc.js).

const memory = require('./native.js');
const { kDepotTurn } = require('../base/protocol.js');
const time = require('../base/time.js');

const TICK_MS = 1000;
const SLICE_MS = 4;
const PAUSE_MS = 16;

/** The targets of one interval, which are visited one after another when it is over. */
class Round {
  targets = new Set(); // of WeakRefs: the timer keeps no target alive
  everyMs;
  #begun = 0; // when the visits of this round began
  #visits = null; // the targets still to be visited
  due = 0;

  constructor(everyMs) {
    this.everyMs = everyMs;
  }

  add(target) {
    if (this.targets.size === 0) {
      this.due = time.now() + this.everyMs;
      this.#visits = null;
    }
    this.targets.add(new WeakRef(target));
  }

  /** Visits the remaining targets; returns false if the round is not over by `until`. */
  visit(until) {
    if (this.#visits === null) {
      this.#visits = this.targets.values();
      this.#begun = time.now();
    }
    for (let next = this.#visits.next(); !next.done; next = this.#visits.next()) {
      const target = next.value.deref();
      if (!target?.tick()) {
        this.targets.delete(next.value);
        if (target !== undefined) target.watched = false;
      }
      if (time.now() >= until) return false;
    }
    this.#visits = null;
    this.due = Math.max(this.#begun + this.everyMs, time.now() + PAUSE_MS);
    return true;
  }
}

const rounds = []; // the shortest interval first, so that many targets with a long interval delay no others
const depotRound = new Round(TICK_MS); // comes last, because the other targets give memory to the depot
let timer = null;
let armed = 0; // the time that the timer is set for
let wanted = Number.POSITIVE_INFINITY; // an earlier time, for which it is set again at the next tick

function arm(at) {
  const next = time.setTimeout(tick, Math.min(Math.max(at - time.now(), 1), time.MOST_MS));
  next.unref?.(); // fake timers that were installed before ralloc was loaded may return numbers
  time.clearTimeout(timer);
  timer = next;
  armed = at;
}

function tick() {
  timer = null;
  const now = time.now();
  let next = now + SLICE_MS + PAUSE_MS; // if a target throws, the others are visited then
  try {
    next = visitDue(now);
  } finally {
    if (next !== Number.POSITIVE_INFINITY) arm(next);
  }
}

/** The rounds that have targets, in the order in which they are visited. */
const busyRounds = () => [...rounds, depotRound].filter(({ targets }) => targets.size > 0);

/** Visits the rounds that are due, for a slice of time. Returns the time to go on at. */
function visitDue(now) {
  for (const round of busyRounds()) {
    // A test's fake clock was ahead of the real one when `due` was set.
    if (round.due > now + round.everyMs + PAUSE_MS) round.due = now + round.everyMs;
    // Node's timers may fire up to a millisecond early.
    if (round.due >= now + 1) continue;
    if (!round.visit(now + SLICE_MS)) return time.now() + PAUSE_MS;
  }
  return Math.min(...busyRounds().map(({ due }) => due));
}

function armWanted() {
  const at = wanted;
  wanted = Number.POSITIVE_INFINITY;
  if (timer === null || at < armed) arm(at);
}

function roundOf(everyMs) {
  let round = rounds.find((one) => one.everyMs === everyMs);
  if (round === undefined) {
    round = new Round(everyMs);
    rounds.push(round);
    rounds.sort((a, b) => a.everyMs - b.everyMs);
  }
  return round;
}

function enter(target, round) {
  round.add(target);
  // An overdue round is being visited, and goes on after a pause.
  const comesFirst = round.due < armed && round.due > time.now();
  if (timer === null || comesFirst) {
    if (wanted === Number.POSITIVE_INFINITY) time.outside(armWanted);
    if (round.due < wanted) wanted = round.due;
  }
  target.watched = true; // after the last call, which could overflow the stack
}

/**
 * Calls target.tick() every `everyMs` from now on, until it returns false or the target is
 * collected.
 */
function watch(target, everyMs = TICK_MS) {
  if (target.watched) return;
  enter(target, roundOf(everyMs));
  if (everyMs === TICK_MS) watchDepot();
}

/**
 * The depot is a target too, while it has memory or may get some. The binary's depot is shared by
 * all copies of ralloc that were evaluated in this thread, and only the last of them watches it.
 * Otherwise the timers would keep each of a test runner's module registries alive as long as any
 * test uses the depot.
 */
const depot = {
  watched: false,
  turn: 0,
  tick() {
    const chunks = memory.trimDepot(TICK_MS);
    const isMine = memory.trimDepot[kDepotTurn] === this.turn;
    if (chunks > 0 && isMine) return true;
    return rounds.some((one) => one.everyMs === TICK_MS && one.targets.size > 0);
  },
};

function watchDepot() {
  if (depot.watched) return;
  const { trimDepot } = memory;
  depot.turn = (trimDepot[kDepotTurn] ?? 0) + 1;
  trimDepot[kDepotTurn] = depot.turn;
  enter(depot, depotRound);
}

let giving = null; // the targets that have not given back yet

/**
 * Gives warm memory back, even if it was used lately, for a slice of time. Returns false if another
 * call is needed.
 */
function giveBackWarm() {
  const until = time.now() + SLICE_MS;
  giving ??= rounds.flatMap(({ targets }) => [...targets]).values();
  for (const one of giving) {
    one.deref()?.giveBack?.();
    if (time.now() >= until) return false;
  }
  giving = null;
  memory.trimDepot(0);
  return true;
}

module.exports = { watch, watchDepot, giveBackWarm };
