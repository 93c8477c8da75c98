'use strict';
// tier: run-time

// The counts of the threads of a process, which the main thread sums up, and what all of them know of files.

const test = require('ava');
const { Arenas } = require('../../lib/auto/arenas.js');
const { BYTES, Counts, FIELDS, GIVEN, OUTSIDE, seeIn } = require('../../lib/auto/counts.js');
const { EDITED, OTHER, TAKEN } = require('../../lib/auto/states.js');

const NONE = Object.fromEntries(FIELDS.map((name) => [name, 0]));

test('threads count for themselves, and the sum is that of all', (t) => {
  const main = new Counts(2, 1);
  const workers = Array.from({ length: 3 }, () => new Counts(2, 1, main.shared));
  main.of(0)[GIVEN] += 1;
  workers[0].of(0)[GIVEN] += 2;
  workers[2].of(0)[BYTES] += 2 ** 40;
  workers[1].of(1)[OUTSIDE] += 5;
  t.is(main.of(0)[GIVEN], 1);
  t.deepEqual(main.sumOf(0), { ...NONE, given: 3, bytes: 2 ** 40 });
  t.deepEqual(workers[2].sumOf(1), { ...NONE, outside: 5 });
});

test('more threads than there are lanes share the last one', (t) => {
  const main = new Counts(100_000, 1);
  const workers = Array.from({ length: 20 }, () => new Counts(100_000, 1, main.shared));
  for (const worker of workers) worker.of(99_999)[GIVEN]++;
  t.is(main.sumOf(99_999).given, 20);
});

test('what has become of a file is added up, also by a thread that counts nothing', (t) => {
  const main = new Counts(1, 3);
  const worker = new Counts(1, 3, main.shared);
  main.see(1, EDITED);
  worker.see(1, OTHER);
  seeIn(main.shared.header)(2, TAKEN);
  t.deepEqual(
    [0, 1, 2].map((file) => worker.stateOf(file)),
    [0, EDITED | OTHER, TAKEN],
  );
});

test('the arena is that of whichever copy has one', (t) => {
  let mounts = 0;
  const arenas = new Arenas(() => mounts++);
  t.is(arenas.current(), undefined);
  let [one, two] = [undefined, undefined];
  const ofOne = () => one;
  t.true(arenas.mount(ofOne));
  t.is(arenas.current, ofOne);
  t.true(arenas.mount(ofOne));
  t.is(arenas.current, ofOne);
  t.true(arenas.mount(() => two));
  t.is(arenas.current(), undefined);
  two = 'two';
  t.is(arenas.current(), 'two');
  one = 'one';
  t.is(arenas.current(), 'one');
  t.is(mounts, 3);
});
