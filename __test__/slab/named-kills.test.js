'use strict';
// tier: run-time

// Processes that use a slab at full speed, of which a random one is killed at a random moment, and another one stopped,
// again and again. In each round 2 to 6 of them are at work. Those that live
// go on in the next one, and who replaces the dead starts meanwhile: a start takes longer than a round.

const { once } = require('node:events');
const { fork } = require('node:child_process');
const { Slab } = require('../..');
const { budget, seedOr } = require('../helpers/budget.js');
const { fixturePath } = require('../helpers/child.js');
const { random } = require('../helpers/random.js');
const { allCanBeHad } = require('../helpers/slab.js');
const { freshName, sharedTest } = require('../helpers/slab-process.js');
const { until } = require('../helpers/until.js');

const canStop = process.platform !== 'win32';
const ROUNDS = budget(8, 500); // for each mode
const SEED = seedOr(14);
const COUNTS = [48, 24];
const ALL = COUNTS[0] + COUNTS[1];
const MOST = 6; // at work at a time
const TURNS = 12; // of each in a round, but for the one that is killed: on a slow machine a kill takes longer

/** Processes in a storm: what one sends, another one gets. */
class Storm {
  #t;
  #name;
  #safety;
  #seeds = 100_000 * SEED;
  #starting = [];
  #living = [];
  next = random(SEED);
  active = []; // at work in this round
  turns = 0;
  problems = [];

  constructor(t, name, safety) {
    this.#t = t;
    this.#name = name;
    this.#safety = safety;
  }

  /** Begins to start another one. */
  start() {
    const child = fork(fixturePath('slab/storm.js'), [this.#name, ++this.#seeds, this.#safety]);
    this.#t.teardown(() => child.kill('SIGKILL'));
    child.on('message', (message) => this.#hear(child, message));
    // Of one that was killed, in the midst of a message to it. One that ends by itself must not be waited for.
    child.on('error', () => {});
    child.cached = 0;
    const started = once(child, 'message').then(() => this.#living.push(child));
    this.#starting.push(started);
  }

  #hear(child, { parcels, problems, cached }) {
    if (problems !== undefined) {
      this.problems.push(...problems);
      child.cached = cached;
      child.emit('resting');
    }
    if (parcels === undefined) return;
    this.turns++;
    if (--child.left === 0) child.emit('turned');
    const others = this.active.filter((one) => one !== child && one.connected);
    if (parcels.length > 0 && others.length > 0) {
      others[this.next(others.length)].send({ what: 'parcels', parcels });
    }
  }

  /** Some of them work, and one of them is killed after some turns: who it was. */
  async kill() {
    const count = 2 + this.next(MOST - 1);
    while (this.#living.length < count) await this.#starting.shift();
    this.active = [];
    while (this.active.length < count) {
      this.active.push(...this.#living.splice(this.next(this.#living.length), 1));
    }
    const [victim] = this.active;
    victim.left = 1 + this.next(4);
    const turned = once(victim, 'turned');
    for (const child of this.active) {
      child.send({ what: 'run', turns: child === victim ? Number.MAX_SAFE_INTEGER : TURNS });
    }
    await turned;
    this.active.shift();
    this.#living.push(...this.active);
    const exit = once(victim, 'exit');
    victim.kill('SIGKILL');
    await exit;
    return victim;
  }

  /** Resolves when all have freed what they had. */
  rest() {
    const rests = async (child) => {
      const rested = once(child, 'resting');
      child.send({ what: 'rest' });
      await rested;
    };
    return Promise.all(this.active.map(rests));
  }

  /** At most so many slots are cached by those who live: a timer of theirs makes it fewer. */
  get cached() {
    return this.#living.reduce((sum, { cached }) => sum + cached, 0);
  }

  async end() {
    await Promise.all(this.#starting);
    const exits = this.#living.map((child) => once(child, 'exit'));
    for (const child of this.#living) child.kill('SIGKILL');
    await Promise.all(exits);
  }
}

/** How many slots can be had at this moment, and others have while it has them. */
function count(slab) {
  const all = [];
  for (const size of slab.sizes) {
    for (let one = slab.tryAlloc(size); one !== null; one = slab.tryAlloc(size)) all.push(one);
  }
  const { elsewhere, sent } = slab.stats();
  for (const buffer of all) slab.free(buffer);
  return { available: all.length, elsewhere, sent };
}

for (const safety of ['checked', 'recycle']) {
  sharedTest(
    `${safety}: of those that are killed nothing is lost, and nobody has what another one has`,
    async (t) => {
      const name = freshName(t);
      const slab = Slab.create(name, { sizes: [64, 2048], count: COUNTS, transitMs: 0 });
      const storm = new Storm(t, name, safety);
      const killed = new Set();
      let recovered = 0;
      const recover = () => {
        for (const { pid, slots } of slab.recover()) {
          t.true(killed.has(pid));
          recovered += slots;
        }
      };
      for (let i = 0; i < MOST; i++) storm.start();
      // And on, until one had something when it was killed.
      for (let round = 0; round < ROUNDS || recovered === 0; round++) {
        const victim = await storm.kill();
        killed.add(victim.pid);
        storm.start();
        // One that is stopped, perhaps in the midst of a call, is alive: nothing of it comes back.
        const stopped = storm.active[storm.next(storm.active.length)];
        if (canStop) stopped.kill('SIGSTOP');
        recover();
        if (canStop) stopped.kill('SIGCONT');
        await storm.rest();
        recover();
        t.false(slab.participants().some(({ pid }) => pid === victim.pid));
        // What is neither here nor in the caches of those who live would be lost.
        const { available, elsewhere, sent } = count(slab);
        t.true(elsewhere <= storm.cached, `${elsewhere} slots elsewhere, round ${round}`);
        t.true(available + storm.cached >= ALL && available <= ALL, `${available}, round ${round}`);
        t.is(sent, 0);
      }
      t.deepEqual(storm.problems, []);
      t.true(storm.turns > ROUNDS);
      // The caches of those who live come back within 100 ms.
      await until(() => count(slab).available === ALL, 30);
      await storm.end();
      slab.recover();
      allCanBeHad(t, slab);
      t.is(slab.stats().participants, 1);
    },
  );
}
