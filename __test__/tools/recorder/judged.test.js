'use strict';
// tier: tools

// Whether a death is told as one with its request, where Node tells deaths turns after their collection: by hand-made collections and finalizers.

const test = require('ava');
const time = require('../../../lib/base/time.js');
const { events } = require('../../../tools/recorder/events.js');
const { fresh } = require('../../helpers/fresh.js');

/** Nothing is made of what is sampled here. */
const parts = { hear() {}, settle() {} };

/** What died, [number, ms]: told at the next look. */
let told = [];
let alive = [];
let base;

class Deaths {
  watch() {}

  drain(registers) {
    const now = time.now();
    const some = told.splice(0);
    some.forEach(([number, at], i) => {
      registers[2 * i] = number;
      registers[2 * i + 1] = now - (base + at);
    });
    return some.length;
  }

  isAlive(number) {
    return alive.includes(number);
  }
}

/** Minor collections at these times, of which nothing promotes. */
class Collections {
  #starts;

  constructor(starts) {
    this.#starts = starts.map((at) => base + at);
  }

  note() {}

  promotedAt() {
    return Number.POSITIVE_INFINITY;
  }

  before(heard) {
    return this.#starts.findLast((at) => at < heard) ?? Number.NEGATIVE_INFINITY;
  }

  #between(from, to) {
    return this.#starts.filter((at) => at >= from && at < to);
  }

  sufficient(from, to) {
    return this.#between(from, to).length;
  }

  firstSufficient(from, to) {
    return this.#between(from, to)[0] ?? Number.POSITIVE_INFINITY;
  }
}

/** Samples 0, 1, … of requests that end at `ends`, and what is told of each of them. */
function judged(starts, ends) {
  base = time.now() - 100_000;
  told = [];
  alive = [];
  const { Samples } = fresh('tools/recorder/samples.js', {
    'memory/native.js': { deaths: () => Deaths },
  });
  const found = new Map();
  const cells = {
    add({ number }, _class, event) {
      if (![events.WITH_REQUEST, events.OUTLIVED].includes(event)) return;
      found.set(number, [...(found.get(number) ?? []), Object.keys(events)[event]]);
    },
  };
  const samples = new Samples(cells, new Collections(starts), parts);
  ends.forEach((end, number) => {
    const site = { number, source: 'Buffer.alloc', live: 0, peak: 0 };
    samples.add(new ArrayBuffer(1000), 1000, 1, site, base, { end: base + end });
  });
  return { samples, of: (number) => found.get(number)?.join() };
}

test('dead by the first collection after its response it died with its request', (t) => {
  const { samples, of } = judged([10, 100], [5, 50]);
  told = [
    [0, 20],
    [1, 120],
  ];
  samples.hear();
  t.deepEqual([of(0), of(1)], ['WITH_REQUEST', 'WITH_REQUEST']);
});

test('dead by a later one it outlived it, where deaths of the first were heard before', (t) => {
  const { samples, of } = judged([10, 100], [5, 5]);
  told = [
    [0, 20],
    [1, 120],
  ];
  samples.hear();
  t.is(of(1), 'OUTLIVED');
});

test('where two collections come before Node tells of deaths, nobody knows which found it', (t) => {
  const { samples, of } = judged([10, 100, 200], [5, 5, 50, 150]);
  told = [
    [0, 120],
    [1, 120.5],
    [2, 121],
  ];
  samples.hear();
  t.deepEqual([of(0), of(1), of(2)], [undefined, undefined, 'WITH_REQUEST']);
  told = [[3, 210]];
  samples.hear();
  t.is(of(3), 'WITH_REQUEST');
});

test('what was heard before the first of them says nothing', (t) => {
  const { samples, of } = judged([10, 100, 200], [5, 50]);
  told = [
    [0, 20],
    [1, 220],
  ];
  samples.hear();
  t.is(of(1), undefined);
});

test('what lives is told to outlive its request when deaths were heard since', (t) => {
  for (const [heard, expected] of [
    [20, undefined],
    [120, 'OUTLIVED'],
  ]) {
    const { samples, of } = judged([10, 100, 200], [5, 50]);
    told = [[0, heard]];
    samples.hear();
    samples.noteOutlived();
    t.is(of(1), expected);
  }
});

test('at the end too: dead by the last collection, or by one before of which nobody heard', (t) => {
  for (const [starts, expected] of [
    [[10], 'WITH_REQUEST'],
    [[10, 100], undefined],
  ]) {
    const { samples, of } = judged(starts, [5, 50]);
    told = [[0, 20]];
    samples.settle();
    t.is(of(1), expected);
  }
  const { samples, of } = judged([10, 100], [5, 50]);
  told = [[0, 120]];
  samples.settle();
  t.is(of(1), 'OUTLIVED');
});
