'use strict';

// Random programs against an arena and a model of it. The model knows of every Buffer what it must show:
// its own stamp while it lives, and nothing (or, in 'gc', its stamp still) once its memory was released.

const { Arena } = require('../..');
const { stamp, isStamped, isZero, isDead } = require('./bytes.js');
const { Node } = require('./program-node.js');
const { random } = require('./random.js');
const { steal } = require('./theft.js');

const KiB = 1024;

const isOver = ({ epochs }) => epochs.flat().every((hold) => hold.done);

class Program {
  #random;
  #options;
  #root;
  #limbo = []; // { epochs, entries } that live until no hold of these epochs is left
  #stale = []; // entries whose memory was released, the latest few
  #loot = []; // entries that were stolen, the latest few
  #ids = 0;
  refusals = 0;
  problems = [];

  constructor(seed, options) {
    this.#random = random(seed);
    this.#options = { align: 8, ...options };
    this.#root = new Node(new Arena(options));
  }

  async run(steps) {
    for (let i = 0; i < steps && this.problems.length === 0; i++) {
      await this.#step();
      if (i % 50 === 0) this.#check();
    }
    this.#check();
    await this.#finish();
    return this.problems;
  }

  #step() {
    const node = this.#anyNode();
    const dice = this.#random(1000);
    if (dice < 720) return this.#allocate(node);
    if (dice < 750) return this.#adopt(node);
    if (dice < 810) return this.#mark(node);
    if (dice < 860) return this.#rewind(node);
    if (dice < 890) return this.#openScope(node);
    if (dice < 930) return this.#endScope();
    if (dice < 950) return this.#hold(node);
    if (dice < 975) return this.#releaseHold();
    if (dice < 978) return this.#steal(node);
    if (dice < 981) return node.arena.shrink();
    if (dice < 984) return this.#refusable(() => node.arena.reserve(this.#size()));
    return this.#reset(node);
  }

  #anyNode() {
    const nodes = [this.#root];
    for (const node of nodes) nodes.push(...node.scopes);
    return nodes[this.#random(nodes.length)];
  }

  #size() {
    const dice = this.#random(100);
    if (dice < 70) return 1 + this.#random(600);
    if (dice < 95) return 1 + this.#random(8 * KiB);
    return 1 + this.#random(150 * KiB);
  }

  #allocate(node) {
    const size = this.#size();
    const zeroed = this.#random(2) === 0;
    const id = ++this.#ids;
    const { arena } = node;
    const buffer = this.#refusable(() => (zeroed ? arena.alloc(size) : arena.allocUnsafe(size)));
    if (buffer === undefined) return;
    if (buffer.length !== size) this.#problem(`${buffer.length} bytes instead of ${size}`);
    if (buffer.byteOffset % this.#options.align !== 0) this.#problem(`at ${buffer.byteOffset}`);
    if (zeroed && !isZero(buffer)) this.#problem(`${size} bytes are not zero`);
    node.live.push({ buffer: stamp(buffer, id), id });
  }

  #adopt(node) {
    const size = this.#size();
    const given = Buffer.allocUnsafeSlow(size);
    const id = ++this.#ids;
    stamp(given, id);
    const buffer = this.#refusable(() => node.arena.adopt(given));
    if (!isStamped(given, id)) this.#problem(`${size} bytes are changed by adopt()`);
    if (buffer === undefined) return;
    if (buffer !== given) this.#problem(`${size} bytes are not adopted`);
    node.live.push({ buffer, id, isAdopted: true });
  }

  /** What `act` gives; undefined when the limit refuses it, and then nothing may have changed. */
  #refusable(act) {
    const { arena } = this.#root;
    const before = arena.stats().allocated;
    try {
      return act();
    } catch (error) {
      if (error.code !== 'ERR_RALLOC_LIMIT') throw error;
      this.refusals++;
      if (error.limit !== this.#options.maxBytes) this.#problem(`limit ${error.limit}`);
      // Less than before where it came upon a theft.
      if (arena.stats().allocated > before) this.#problem('a refusal changed something');
      if (this.#random(4) === 0) this.#reset(this.#root);
      return undefined;
    }
  }

  #mark(node) {
    node.marks.push({ checkpoint: node.arena.checkpoint(), count: node.live.length });
  }

  #rewind(node) {
    if (node.marks.length === 0) return;
    const at = this.#random(node.marks.length);
    const { checkpoint, count } = node.marks[at];
    node.marks.length = at;
    const entries = node.live.splice(count);
    node.arena.rewind(checkpoint);
    this.#released(entries, [node.holds]);
  }

  async #openScope(node) {
    if (node.scopes.length > 3) return;
    let scope;
    const settled = node.arena.scope((child) => {
      scope = new Node(child);
      return new Promise((resolve) => {
        scope.leave = resolve;
      });
    });
    scope.parent = node;
    scope.settled = settled;
    node.scopes.push(scope);
  }

  async #endScope() {
    const node = this.#anyNode();
    if (node === this.#root) return;
    node.parent.scopes.splice(node.parent.scopes.indexOf(node), 1);
    node.leave();
    await node.settled;
    this.#ended(node, []);
  }

  #reset(node) {
    node.arena.reset();
    this.#ended(node, []);
    node.live = [];
    node.marks = [];
    node.holds = [];
    node.scopes = [];
  }

  /** A node's epoch is over, with its scopes; the holds of outer epochs that end with it count too. */
  #ended(node, outer) {
    const epochs = [...outer, node.holds];
    // What a rewind released under a hold of this epoch waits with it.
    for (const entry of this.#limbo)
      if (entry.epochs.includes(node.holds)) entry.epochs.push(...outer);
    this.#released(node.live, epochs);
    for (const scope of node.scopes) {
      this.#ended(scope, epochs);
      scope.leave();
    }
  }

  #hold(node) {
    node.holds.push({ done: false, handle: node.arena.hold() });
    this.#limbo.push({ epochs: [node.holds], entries: [] });
  }

  #releaseHold() {
    if (this.#limbo.length === 0) return;
    const { epochs } = this.#limbo[this.#random(this.#limbo.length)];
    const open = epochs.flat().filter((hold) => !hold.done);
    const hold = open[this.#random(open.length)];
    hold.done = true;
    hold.handle.release();
    for (const { entries } of this.#limbo.filter(isOver)) this.#dead(entries);
    this.#limbo = this.#limbo.filter((entry) => !isOver(entry));
  }

  #released(entries, epochs) {
    const entry = { epochs, entries };
    if (isOver(entry)) this.#dead(entries);
    else this.#limbo.push(entry);
  }

  #dead(entries) {
    const { safety = 'detach' } = this.#options;
    for (const { buffer, id, isAdopted } of entries) {
      const dies = safety === 'detach' || (safety === 'recycle' && isAdopted);
      if (dies && !isDead(buffer)) this.#problem(`Buffer ${id} is not dead`);
    }
    if (safety === 'gc') this.#stale = [...this.#stale, ...entries].slice(-20);
  }

  async #steal(node) {
    if (node.live.length === 0) return;
    const { buffer, id } = node.live[this.#random(node.live.length)];
    const { buffer: ab } = buffer;
    const view = await steal(buffer);
    const loot = Buffer.from(view.buffer, view.byteOffset, view.length);
    this.#loot = [...this.#loot, { buffer: loot, id }].slice(-3);
    // Every Buffer over that memory is dead now, wherever it is.
    const gone = ({ buffer }) => buffer.buffer === ab;
    this.#forget(this.#root, gone);
    for (const entry of this.#limbo) entry.entries = entry.entries.filter((one) => !gone(one));
    this.#stale = this.#stale.filter((one) => !gone(one));
  }

  #forget(node, gone) {
    const { live } = node;
    for (const mark of node.marks) {
      mark.count = live.slice(0, mark.count).filter((entry) => !gone(entry)).length;
    }
    node.live = live.filter((entry) => !gone(entry));
    for (const scope of node.scopes) this.#forget(scope, gone);
  }

  #check() {
    const { safety } = this.#options;
    const held = safety === 'recycle' ? [] : this.#limbo.flatMap(({ entries }) => entries);
    for (const { buffer, id } of [
      ...this.#root.entries(),
      ...held,
      ...this.#stale,
      ...this.#loot,
    ]) {
      if (!isStamped(buffer, id)) this.#problem(`Buffer ${id} does not show its own bytes`);
    }
    const { memory, limit, allocated, adopted } = this.#root.arena.stats();
    const { used, peak, leased, warm, quarantined, stolen, limbo } = memory;
    if (used > limit || peak > limit) this.#problem(`${used} (${peak}) of ${limit} bytes used`);
    if (leased + warm + memory.held + quarantined + stolen + limbo + memory.adopted !== used) {
      this.#problem(`the parts are not the sum: ${JSON.stringify(memory)}`);
    }
    const negative = Object.entries(memory).find(([, value]) => value < 0);
    if (negative !== undefined) this.#problem(`${negative} is negative`);
    let bytes = 0;
    let taken = 0;
    for (const { buffer, isAdopted } of this.#root.entries()) {
      if (isAdopted) taken += buffer.length;
      else bytes += buffer.length;
    }
    // More where one was stolen.
    if (adopted < taken || memory.adopted < adopted)
      this.#problem(`${adopted} adopted, not ${taken}`);
    if (allocated < bytes) this.#problem(`${allocated} allocated, but ${bytes} are alive`);
  }

  async #finish() {
    const settling = ({ scopes }) => scopes.flatMap((scope) => [scope.settled, ...settling(scope)]);
    const settled = settling(this.#root);
    this.#root.arena.close();
    this.#ended(this.#root, []);
    await Promise.all(settled);
    while (this.#limbo.length > 0) this.#releaseHold();
    const { held, adopted } = this.#root.arena.stats().memory;
    if (held + adopted !== 0) this.#problem('something is held for ever');
  }

  #problem(text) {
    this.problems.push(`${text} (Buffer ${this.#ids})`);
  }
}

module.exports = { Program };
