'use strict';

// Random programs against slabs and a model of them: two or three parts in one slab (threads, as far as the memory
// below can tell) that allocate, free, send, receive, revoke, idle and end. The model knows who has which
// Buffer, and every Buffer must show the stamp of its owner and nobody else's.

const { Slab } = require('../..');
const { stamp, isStamped, isZero } = require('./bytes.js');
const { random } = require('./random.js');
const { unsound } = require('./slab.js');
const { steal } = require('./theft.js');

class Part {
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
  #parts;
  #ids = 0;
  #steals;
  #tokens = []; // of parts that ended
  refusals = 0;
  problems = [];

  /** `parts`: how many there are; 1 where the slab is not shared. */
  constructor(seed, options, parts, steals) {
    this.#steals = steals;
    this.#random = random(seed);
    this.#options = options;
    const slab = new Slab(options);
    this.#parts = [new Part(slab)];
    for (let i = 1; i < parts; i++) this.#attach();
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
    this.#parts.push(new Part(Slab.attach(this.#parts[0].slab.handle(), { safety })));
  }

  #any(list) {
    return list[this.#random(list.length)];
  }

  #take(list) {
    return list.splice(this.#random(list.length), 1)[0];
  }

  #step() {
    const part = this.#any(this.#parts);
    const dice = this.#random(1000);
    if (dice < 450) return this.#allocate(part);
    if (dice < 800) return this.#free(part);
    if (dice < 850) return this.#send(part);
    if (dice < 900) return this.#receive(part);
    if (dice < 920) return this.#revoke(part);
    if (dice < 960) return this.#mistake(part);
    if (dice < 975) return this.#freeMany(part);
    if (dice < 980) return this.#end(part);
    if (dice < 981) return this.#steal(part);
    return this.#idle();
  }

  #size() {
    const { sizes } = this.#options;
    const log = this.#random(Math.log2(sizes.at(-1)) + 1);
    return Math.min(2 ** log + this.#random(2 ** log), sizes.at(-1));
  }

  #allocate(part) {
    const size = this.#size();
    const way = this.#any(['alloc', 'allocUnsafe', 'tryAlloc', 'tryAllocUnsafe']);
    let buffer;
    try {
      buffer = part.slab[way](size);
    } catch (error) {
      if (error.code !== 'ERR_RALLOC_EXHAUSTED') throw error;
      this.refusals++;
      return this.#freeMany(part);
    }
    if (buffer === null) {
      this.refusals++;
      return;
    }
    if (buffer.length !== size) this.#problem(`${buffer.length} bytes instead of ${size}`);
    if (!way.endsWith('Unsafe') && !isZero(buffer)) this.#problem(`${way}: not zero`);
    this.#keep(part, stamp(buffer, ++this.#ids), this.#ids);
  }

  #keep(part, buffer, id) {
    if (!part.slab.owns(buffer)) this.#problem(`Buffer ${id} is not owned`);
    part.live.push({ buffer, id });
  }

  #free(part) {
    if (part.live.length === 0) return;
    const { buffer, id } = this.#take(part.live);
    if (!isStamped(buffer, id)) this.#problem(`Buffer ${id} does not show its own bytes`);
    if (this.#random(4) === 0) buffer[Symbol.dispose]();
    else part.slab.free(buffer);
    this.#bury(part, buffer);
  }

  #bury(part, buffer) {
    // In `recycle` mode the object may be somebody's again.
    if (this.#options.safety !== 'recycle') part.dead = [...part.dead, buffer].slice(-5);
  }

  #freeMany(part) {
    const most = this.#random(part.live.length + 1);
    for (let i = 0; i < most; i++) this.#free(part);
  }

  #send(part) {
    if (part.live.length === 0) return;
    const { buffer, id } = this.#take(part.live);
    const { length } = buffer;
    part.tokens.push({ token: part.slab.send(buffer), id, length });
    this.#bury(part, buffer);
  }

  #receive(part) {
    const sender = this.#any(this.#parts);
    const tokens = this.#random(5) === 0 ? this.#tokens : sender.tokens;
    if (tokens.length === 0) return;
    this.#arrive(part, 'receive', this.#take(tokens));
  }

  #revoke(part) {
    if (part.tokens.length > 0) this.#arrive(part, 'revoke', this.#take(part.tokens));
  }

  #arrive(part, how, { token, id, length, mayBeGone }) {
    let buffer;
    try {
      buffer = part.slab[how](token);
    } catch (error) {
      // What the dead have sent is taken back where slots run out; what lay in stolen memory is lost.
      if (error.code === 'ERR_RALLOC_STALE_TOKEN' && mayBeGone) return;
      if (error.code === 'ERR_RALLOC_CLOSED') return;
      throw error;
    }
    if (buffer.length !== length) this.#problem(`${buffer.length} bytes of ${length} arrived`);
    if (!isStamped(buffer, id)) this.#problem(`Buffer ${id} arrived with other bytes`);
    this.#keep(part, buffer, id);
    this.#mustThrow(() => part.slab.receive(token), 'ERR_RALLOC_STALE_TOKEN');
  }

  /** What must be refused, whatever the state. */
  #mistake(part) {
    const { slab, dead, live } = part;
    const buffer = this.#any(dead);
    if (buffer !== undefined) {
      this.#mustThrow(() => slab.free(buffer), 'ERR_RALLOC_DOUBLE_FREE');
      this.#mustThrow(() => slab.send(buffer), 'ERR_RALLOC_DOUBLE_FREE');
    }
    const mine = this.#any(live);
    if (mine !== undefined) {
      const foreign = 'ERR_RALLOC_FOREIGN_BUFFER';
      this.#mustThrow(() => slab.free(mine.buffer.subarray(0)), foreign);
      const other = this.#any(this.#parts);
      if (other !== part) this.#mustThrow(() => other.slab.free(mine.buffer), foreign);
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

  /** A part ends with all it has, and another one begins. */
  #end(part) {
    if (this.#parts.length === 1) return;
    this.#attach();
    this.#parts.splice(this.#parts.indexOf(part), 1);
    part.slab.close({ force: true });
    for (const token of part.tokens) this.#tokens.push({ ...token, mayBeGone: true });
    for (const { buffer, id } of part.live) {
      if (buffer.length !== 0) this.#problem(`Buffer ${id} survived its slab`);
    }
  }

  async #steal(part) {
    if (!this.#steals || part.live.length === 0) return;
    const { buffer: ab } = this.#any(part.live).buffer;
    await steal(this.#any(part.live.filter(({ buffer }) => buffer.buffer === ab)).buffer);
    const gone = part.live.filter(({ buffer }) => buffer.length === 0);
    part.live = part.live.filter(({ buffer }) => buffer.length !== 0);
    part.tokens = []; // perhaps of stolen slots
    for (const { buffer } of gone) part.slab.free(buffer);
  }

  /** Lets the timers run. */
  #idle() {
    return this.#random(10) === 0 ? new Promise((resolve) => setTimeout(resolve, 30)) : undefined;
  }

  #check() {
    let count = 0;
    for (const { slab, live } of this.#parts) {
      for (const { buffer, id } of live) {
        if (!isStamped(buffer, id)) this.#problem(`Buffer ${id} does not show its own bytes`);
      }
      const stats = slab.stats();
      for (const pool of stats.pools) for (const text of unsound(pool)) this.#problem(text);
      if (stats.held !== live.length) this.#problem(`${stats.held} held, not ${live.length}`);
      if (stats.limit < stats.committed) this.#problem(`${stats.committed} bytes committed`);
      count = stats.count;
    }
    const all = this.#parts.reduce((sum, { live }) => sum + live.length, 0);
    if (all > count) this.#problem(`${all} Buffers in ${count} slots`);
  }

  #finish() {
    for (const part of this.#parts) {
      while (part.tokens.length > 0) this.#revoke(part);
      while (part.live.length > 0) this.#free(part);
    }
    for (const part of this.#parts) part.slab.close();
  }

  #problem(text) {
    this.problems.push(`${text} (after Buffer ${this.#ids})`);
  }
}

module.exports = { SlabProgram };
