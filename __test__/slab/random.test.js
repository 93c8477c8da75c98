'use strict';
// tier: run-time

// Thousands of random steps against a model. A failure names the seed, which replays it.
// One or more participants of a slab (each counts as a thread for
// the memory) allocate, free, send, receive, revoke, idle and leave. The model knows who has which Buffer, and every
// Buffer must show the stamp of its owner and nobody else's.

const test = require('ava');
const { budget, isSoak } = require('../helpers/budget.js');
const { Slab } = require('../..');
const { stamp, isStamped, isZero } = require('../helpers/bytes.js');
const { random } = require('../helpers/random.js');
const { unsound } = require('../helpers/slab.js');
const { steal } = require('../helpers/theft.js');
const { turns } = require('../helpers/until.js');
const { isNative, nativeTest } = require('../helpers/backend.js');
const { freshName, sharedTest } = require('../helpers/slab-process.js');

class Participant {
  live = []; // { buffer, id }
  dead = []; // Buffers that were freed or sent, the latest few
  tokens = []; // { token, id, size } that it sent and nobody received

  constructor(slab) {
    this.slab = slab;
  }
}

class SlabProgram {
  #random;
  #options;
  #participants;
  #ids = 0;
  #steals;
  #name;
  #tokens = []; // of participants that left
  refusals = 0;
  thefts = 0;
  problems = [];

  /**
   * `count`: the number of participants; 1 where the slab is not shared. `name`: of a slab that processes share, which each
   * participant opens as if it were one.
   */
  constructor(seed, options, count, steals, name) {
    this.#steals = steals;
    this.#random = random(seed);
    this.#options = options;
    this.#name = name;
    const slab = name === undefined ? new Slab(options) : Slab.create(name, options);
    this.#participants = [new Participant(slab)];
    for (let i = 1; i < count; i++) this.#attach();
  }

  async run(steps) {
    for (let i = 0; i < steps && this.problems.length === 0; i++) {
      await this.#step();
      if (i % 100 === 0) this.#check();
    }
    this.#check();
    this.#finish();
    return this.problems;
  }

  #attach() {
    const { safety } = this.#options;
    const slab =
      this.#name === undefined
        ? Slab.attach(this.#participants[0].slab.handle(), { safety })
        : Slab.open(this.#name, { safety });
    this.#participants.push(new Participant(slab));
  }

  #any(list) {
    return list[this.#random(list.length)];
  }

  #take(list) {
    return list.splice(this.#random(list.length), 1)[0];
  }

  #step() {
    const who = this.#any(this.#participants);
    const dice = this.#random(1000);
    if (dice < 450) return this.#allocate(who);
    if (dice < 800) return this.#free(who);
    if (dice < 850) return this.#send(who);
    if (dice < 900) return this.#receive(who);
    if (dice < 920) return this.#revoke(who);
    if (dice < 960) return this.#mistake(who);
    if (dice < 975) return this.#freeMany(who);
    if (dice < 980) return this.#leave(who);
    if (dice < 981) return this.#steal(who);
    return this.#idle();
  }

  #size() {
    const { sizes } = this.#options;
    const log = this.#random(Math.log2(sizes.at(-1)) + 1);
    return Math.min(2 ** log + this.#random(2 ** log), sizes.at(-1));
  }

  #allocate(who) {
    const size = this.#size();
    const way = this.#any(['alloc', 'allocUnsafe', 'tryAlloc', 'tryAllocUnsafe']);
    let buffer;
    try {
      buffer = who.slab[way](size);
    } catch (error) {
      if (error.code !== 'ERR_RALLOC_EXHAUSTED') throw error;
      this.refusals++;
      return this.#freeMany(who);
    }
    if (buffer === null) {
      this.refusals++;
      return;
    }
    if (buffer.length !== size) this.#problem(`${buffer.length} bytes instead of ${size}`);
    if (!way.endsWith('Unsafe') && !isZero(buffer)) this.#problem(`${way}: not zero`);
    this.#keep(who, stamp(buffer, ++this.#ids), this.#ids);
  }

  #keep(who, buffer, id) {
    if (!who.slab.owns(buffer)) this.#problem(`Buffer ${id} is not owned`);
    who.live.push({ buffer, id });
  }

  #free(who) {
    if (who.live.length === 0) return;
    const { buffer, id } = this.#take(who.live);
    if (!isStamped(buffer, id)) this.#problem(`Buffer ${id} does not show its own bytes`);
    if (this.#random(4) === 0) buffer[Symbol.dispose]();
    else who.slab.free(buffer);
    this.#bury(who, buffer);
  }

  #bury(who, buffer) {
    // In `recycle` mode the object may be somebody's again.
    if (this.#options.safety !== 'recycle') who.dead = [...who.dead, buffer].slice(-5);
  }

  #freeMany(who) {
    const most = this.#random(who.live.length + 1);
    for (let i = 0; i < most; i++) this.#free(who);
  }

  #send(who) {
    if (who.live.length === 0) return;
    const { buffer, id } = this.#take(who.live);
    const { length } = buffer;
    who.tokens.push({ token: who.slab.send(buffer), id, length });
    this.#bury(who, buffer);
  }

  #receive(who) {
    const sender = this.#any(this.#participants);
    const tokens = this.#random(5) === 0 ? this.#tokens : sender.tokens;
    if (tokens.length === 0) return;
    this.#arrive(who, 'receive', this.#take(tokens));
  }

  #revoke(who) {
    if (who.tokens.length > 0) this.#arrive(who, 'revoke', this.#take(who.tokens));
  }

  #arrive(who, how, { token, id, length, mayBeGone }) {
    let buffer;
    try {
      buffer = who.slab[how](token);
    } catch (error) {
      // What the dead have sent is taken back where slots run out; what lay in stolen memory is lost.
      if (error.code === 'ERR_RALLOC_STALE_TOKEN' && mayBeGone) return;
      if (error.code === 'ERR_RALLOC_CLOSED') return;
      throw error;
    }
    if (buffer.length !== length) this.#problem(`${buffer.length} bytes of ${length} arrived`);
    if (!isStamped(buffer, id)) this.#problem(`Buffer ${id} arrived with other bytes`);
    this.#keep(who, buffer, id);
    this.#mustThrow(() => who.slab.receive(token), 'ERR_RALLOC_STALE_TOKEN');
  }

  /** What must be refused, whatever the state. */
  #mistake(who) {
    const { slab, dead, live } = who;
    const buffer = this.#any(dead);
    if (buffer !== undefined) {
      this.#mustThrow(() => slab.free(buffer), 'ERR_RALLOC_DOUBLE_FREE');
      this.#mustThrow(() => slab.send(buffer), 'ERR_RALLOC_DOUBLE_FREE');
    }
    const mine = this.#any(live);
    if (mine !== undefined) {
      const foreign = 'ERR_RALLOC_FOREIGN_BUFFER';
      this.#mustThrow(() => slab.free(mine.buffer.subarray(0)), foreign);
      const other = this.#any(this.#participants);
      if (other !== who) this.#mustThrow(() => other.slab.free(mine.buffer), foreign);
      this.#mustThrow(() => slab.close(), 'ERR_RALLOC_IN_USE');
    }
    this.#mustThrow(() => slab.receive(this.#random(2 ** 31)), 'ERR_RALLOC_STALE_TOKEN');
  }

  #mustThrow(act, code) {
    let thrown;
    try {
      act();
    } catch (error) {
      thrown = error.code;
    }
    if (thrown !== code) this.#problem(`${thrown} instead of ${code}: ${act}`);
  }

  /** A participant leaves with all it has, and another one comes. */
  #leave(who) {
    if (this.#participants.length === 1) return;
    this.#attach();
    this.#participants.splice(this.#participants.indexOf(who), 1);
    who.slab.close({ force: true });
    for (const token of who.tokens) this.#tokens.push({ ...token, mayBeGone: true });
    for (const { buffer, id } of who.live) {
      if (buffer.length !== 0) this.#problem(`Buffer ${id} survived its slab`);
    }
  }

  async #steal(who) {
    if (!this.#steals || who.live.length === 0) return;
    const { buffer: ab } = this.#any(who.live).buffer;
    this.thefts++;
    await steal(this.#any(who.live.filter(({ buffer }) => buffer.buffer === ab)).buffer);
    const gone = who.live.filter(({ buffer }) => buffer.length === 0);
    who.live = who.live.filter(({ buffer }) => buffer.length !== 0);
    who.tokens = []; // perhaps of stolen slots
    for (const { buffer } of gone) who.slab.free(buffer);
  }

  /** Lets the timers run. */
  #idle() {
    return this.#random(10) === 0 ? turns(30) : undefined;
  }

  #check() {
    let count = 0;
    for (const { slab, live } of this.#participants) {
      for (const { buffer, id } of live) {
        if (!isStamped(buffer, id)) this.#problem(`Buffer ${id} does not show its own bytes`);
      }
      const stats = slab.stats();
      for (const pool of stats.pools) for (const text of unsound(pool)) this.#problem(text);
      if (stats.held !== live.length) this.#problem(`${stats.held} held, not ${live.length}`);
      if (stats.limit < stats.committed) this.#problem(`${stats.committed} bytes committed`);
      count = stats.count;
    }
    const all = this.#participants.reduce((sum, { live }) => sum + live.length, 0);
    if (all > count) this.#problem(`${all} Buffers in ${count} slots`);
  }

  #finish() {
    for (const who of this.#participants) {
      while (who.tokens.length > 0) this.#revoke(who);
      while (who.live.length > 0) this.#free(who);
    }
    for (const who of this.#participants) who.slab.close();
  }

  #problem(text) {
    this.problems.push(`${text} (after Buffer ${this.#ids})`);
  }
}

const STEPS = budget(900, 20_000, 900);

const kinds = {
  'roomy pools': { sizes: [16, 64, 256, 4096], count: 300 },
  'tiny pools': { sizes: [8, 32, 128], count: [3, 2, 1] },
  'one pool': { sizes: [1024], count: 40 },
  'growing pools': { sizes: [64, 1024, 65536], maxCount: 200, maxBytes: 6 * 2 ** 20, idleMs: 20 },
  'growing pools with a minimum': {
    sizes: [32, 4096],
    count: [1, 256],
    minCount: [0, 256],
    maxCount: 1000,
    idleMs: 10,
  },
  'stolen memory': { sizes: [4096, 65536], maxCount: 500, idleMs: 20, steals: true },
};

async function keepsItsPromises(t, seed, { steals, ...options }, participants, name) {
  const program = new SlabProgram(seed, options, participants, steals, name);
  t.deepEqual(await program.run(STEPS), []);
  return program;
}

for (const safety of ['checked', 'recycle']) {
  for (const [kind, options] of Object.entries(kinds)) {
    for (const seed of isSoak ? [7, 70] : [7]) {
      const title = `${safety}: a random program keeps every promise: ${kind}, seed ${seed}`;
      test.serial(title, async (t) => {
        const { refusals, thefts } = await keepsItsPromises(t, seed, { ...options, safety }, 1);
        if (kind.startsWith('tiny')) t.true(refusals > STEPS / 15);
        t.is(thefts > 0, options.steals === true);
      });
      if (options.maxCount !== undefined) continue;
      for (const count of [2, 4]) {
        nativeTest(`${title}, ${count} participants`, 'memory is of one thread', async (t) => {
          await keepsItsPromises(t, seed, { ...options, safety }, count);
        });
        if (count === 4 && !isSoak) continue;
        sharedTest(`${title}, ${count} participants by name`, async (t) => {
          await keepsItsPromises(t, seed, { ...options, safety }, count, freshName(t));
        });
      }
    }
  }
}

test('watched slabs do the same', async (t) => {
  for (const safety of ['checked', 'recycle']) {
    const options = { sizes: [64, 1024], count: 50, safety, warnAfterMs: 60_000 };
    await keepsItsPromises(t, 3, options, isNative ? 2 : 1);
  }
});
