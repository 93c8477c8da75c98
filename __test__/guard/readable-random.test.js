'use strict';
// tier: run-time, differs

// Random programs on one stream's queue, against a list of what it must contain. Every chunk has an arena of its own,
// so it is told whether it holds.

require('../../lib/guard/index.js');
const { Readable } = require('node:stream');
const { setImmediate: turn } = require('node:timers/promises');
const test = require('ava');
const { Outliving, runs } = require('../helpers/outlive.js');
const { random } = require('../helpers/random.js');

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

class Program {
  #below;
  #queue = []; // { letter, left, outliving }
  #all = [];
  #objects;
  read = [];
  expected = [];

  constructor(seed) {
    this.#below = random(seed);
    this.#objects = seed % 3 === 0;
    this.source = new Readable({ read() {}, highWaterMark: 1e6, objectMode: this.#objects });
  }

  #put(method) {
    const below = this.#below;
    const letter = LETTERS[below(LETTERS.length)];
    const size = 1 + below(40);
    const outliving = below(2) === 0 ? new Outliving({ guard: true }) : null;
    const chunk = outliving?.make(letter, size) ?? Buffer.alloc(size, letter);
    this.source[method](chunk);
    outliving?.reset();
    if (outliving !== null) this.#all.push(outliving);
    const entry = { letter, left: size, outliving };
    if (method === 'push') this.#queue.push(entry);
    else this.#queue.unshift(entry);
  }

  #take() {
    const length = this.#queue.reduce((sum, { left }) => sum + left, 0);
    if (length === 0) return;
    let size = 1 + this.#below(Math.min(length, 60));
    if (this.#objects) size = this.#queue[0].left;
    this.read.push(Buffer.from(this.source.read(size)));
    while (size > 0) {
      const [first] = this.#queue;
      const part = Math.min(size, first.left);
      this.expected.push(Buffer.alloc(part, first.letter));
      first.left -= part;
      size -= part;
      if (first.left === 0) this.#queue.shift();
    }
  }

  async run(steps) {
    for (let i = 0; i < steps; i++) {
      const what = this.#below(8);
      if (what < 3) this.#put('push');
      else if (what === 3) this.#put('unshift');
      else if (what < 7) this.#take();
      else await turn();
    }
    await turn();
  }

  /** Those that hold: all that are in the queue, and no others. */
  check(t) {
    const inQueue = new Set(this.#queue.map(({ outliving }) => outliving));
    for (const one of this.#all) t.is(one.held > 0, inQueue.has(one));
  }

  close() {
    for (const { arena } of this.#all) arena.close();
  }
}

for (let seed = 1; seed <= 12; seed++) {
  test(`a queue holds exactly what it has: program ${seed}`, async (t) => {
    const program = new Program(seed);
    for (let round = 0; round < 5; round++) {
      await program.run(20);
      program.check(t);
    }
    t.is(runs(program.read), runs(program.expected));
    program.source.destroy();
    program.close();
  });
}
