'use strict';
// tier: run-time

// The records of a region, without memory: after each step of random programs all of them are right.

const test = require('ava');
const {
  AFTER,
  CHUNK,
  CLEAN,
  DIRTY,
  HELD,
  MARK,
  OWN,
  SIZE,
  START,
} = require('../../lib/region/record.js');
const { Spans } = require('../../lib/region/spans.js');
const { problemsOf } = require('../helpers/spans.js');
const { random } = require('../helpers/random.js');

const GRANULES = 4096;

/** Spans with chunks of `GRANULES`, and what is held of them. */
class Model {
  spans = new Spans();
  chunks = [];
  held = new Map(); // id → { chunk, start, size }

  constructor(chunks) {
    this.spans.grow(8);
    for (let index = 0; index < chunks; index++) {
      this.room();
      const first = this.spans.addChunk(index, GRANULES, index % 2 === 0 ? CLEAN : DIRTY);
      this.chunks.push({ index, first, granules: GRANULES });
    }
  }

  room() {
    const { spans } = this;
    if (spans.unused < 0) spans.grow(16);
  }

  alloc(size) {
    this.room();
    const { spans } = this;
    let id = spans.find(size);
    if (id < 0) id = spans.search(size, GRANULES);
    if (id < 0) return undefined;
    const left = spans.table[id + SIZE] - size;
    const block = left > 0 ? spans.unused : id;
    const start = spans.table[id + START] + left;
    spans.take(id, size);
    this.held.set(block, { start, size });
    return block;
  }

  free(id) {
    this.spans.give(id);
    this.held.delete(id);
  }

  problems() {
    const found = problemsOf(this.spans, this.chunks);
    for (const [id, { start, size }] of this.held) {
      const { table } = this.spans;
      const isSame = table[id + START] === start && table[id + SIZE] === size;
      if (!isSame || table[id + MARK] !== HELD) found.push(`block ${id} has changed`);
    }
    return found;
  }
}

const sizes = {
  'one size': () => 7,
  small: (draw) => 1 + draw(40),
  'of two kinds': (draw) => (draw(8) === 0 ? 300 + draw(300) : 1 + draw(4)),
  'of every magnitude': (draw) => 1 + (draw(2 ** 31) >>> (19 + draw(12))),
};

for (const [kind, sizeOf] of Object.entries(sizes)) {
  for (const seed of [1, 2, 3]) {
    test(`after each step of a random program all records are right: ${kind}, seed ${seed}`, (t) => {
      const draw = random(seed);
      const model = new Model(2);
      for (let step = 0; step < 3000; step++) {
        const ids = [...model.held.keys()];
        const grows = draw(1000) < (step % 1000 < 500 ? 650 : 350);
        if (ids.length === 0 || grows) model.alloc(sizeOf(draw));
        else model.free(ids[draw(ids.length)]);
        const problems = model.problems();
        if (problems.length > 0) return t.deepEqual(problems, [], `step ${step}`);
      }
      for (const id of model.held.keys()) model.free(id);
      t.deepEqual(model.problems(), []);
      for (const { first } of model.chunks) t.is(model.spans.table[first + SIZE], GRANULES);
      t.is(model.spans.largestFree(), GRANULES);
    });
  }
}

test('a span is found where there is one, and is at most a step of its bin larger than it has to be', (t) => {
  const { spans } = new Model(1);
  for (const size of [1, 31, 32, 33, 100, 4000, GRANULES]) {
    const id = spans.find(size);
    t.true(id >= 0 && spans.table[id + SIZE] >= size, String(size));
  }
  t.is(spans.find(GRANULES + 1), -1);
  t.is(spans.search(GRANULES + 1, 10), -1);
});

test('of about the size that is asked for, one that is large enough is found by a search', (t) => {
  const model = new Model(1);
  const { spans } = model;
  const blocks = [1022, 1009].map((size) => {
    const id = model.alloc(size);
    model.alloc(5); // between them
    return id;
  });
  while (spans.largestFree() > 0) model.alloc(spans.largestFree());
  for (const id of blocks) model.free(id); // of one bin, of which the last is the first
  t.is(spans.find(1015), -1);
  t.is(spans.search(1015, 1), -1);
  t.is(spans.table[spans.search(1015, 2) + SIZE], 1022);
  t.is(spans.search(1023, 9), -1);
});

test('a chunk of one block is no free span, and leaves nothing behind', (t) => {
  const model = new Model(1);
  const { spans } = model;
  const first = spans.addChunk(1, 70_000, HELD | OWN);
  model.chunks.push({ index: 1, first, granules: 70_000 });
  t.deepEqual(model.problems(), []);
  t.is(spans.find(5000), -1);
  t.is(spans.largestFree(), GRANULES);
  spans.removeChunk(first);
  model.chunks.pop();
  t.deepEqual(model.problems(), []);
  t.is(spans.heldGranules, 0);
});

test('links that were cut off are made again from the records', (t) => {
  const draw = random(9);
  const model = new Model(3);
  const { spans, chunks } = model;
  for (let i = 0; i < 300; i++) model.alloc(1 + draw(60));
  for (const id of [...model.held.keys()].filter(() => draw(2) === 0)) model.free(id);
  const { unused, table } = spans;
  // As a take() that was cut off after its first call leaves them.
  const id = spans.find(20);
  spans.isBusy = true;
  spans.unlink(id);
  table[unused + AFTER] = 17;
  spans.rebuild(chunks.map(({ first }) => first));
  t.false(spans.isBusy);
  t.deepEqual(model.problems(), []);
});

test('what was lost is neither free nor held', (t) => {
  const model = new Model(2);
  const { spans, chunks } = model;
  const blocks = Array.from({ length: 20 }, (_, i) => model.alloc(100 + i));
  const { first } = chunks[spans.table[blocks[0] + CHUNK]];
  const before = spans.held;
  spans.lose(first);
  const { held } = spans;
  t.true(held < before);
  spans.lose(first);
  t.is(spans.held, held);
  t.deepEqual(problemsOf(spans, chunks), []);
});
