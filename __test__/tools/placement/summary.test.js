'use strict';
// tier: run-time

// What is told of a trial: sums of processes, reasons, and no more than ten lines.

const test = require('ava');
const { linesOf, sumOf } = require('../../../tools/placement/trial/summary.js');
const { ALLOCATED, Counts, FIELDS } = require('../../../tools/placement/trial/counts.js');
const { EDITED, OTHER } = require('../../../tools/placement/trial/states.js');
const { Arenas } = require('../../../tools/placement/trial/arenas.js');

const NONE = Object.fromEntries(FIELDS.map((name) => [name, 0]));
const site = (key, more) => ({
  key,
  name: `${key}.js`,
  state: EDITED,
  ...NONE,
  ...more,
});
const told = (sites, more) =>
  linesOf({ sites, mounts: 1, resets: 0, ...more }).map((line) =>
    line.replace(/^ralloc: trial: /, ''),
  );
/** Of a line that so many calls of requests got Buffers from. */
const gave = (allocated, more) => ({ inside: allocated, allocated, ...more });

test('processes are added up: counts, what became of files, and the calls of requestArena()', (t) => {
  const sum = sumOf([
    {
      sites: [site('a', { allocated: 2, bytes: 5 }), site('b', { state: 0 })],
      mounts: 1,
      resets: 1,
    },
    {
      sites: [site('a', { allocated: 1, kept: 1 }), site('b', { state: OTHER })],
      mounts: 2,
      resets: 2,
    },
    { sites: [site('c')], mounts: 0, resets: 0, runner: 'vitest' },
  ]);
  t.deepEqual(sum, {
    sites: [site('a', { allocated: 3, bytes: 5, kept: 1 }), site('b', { state: OTHER }), site('c')],
    mounts: 3,
    resets: 3,
    runner: 'vitest',
  });
});

test('uses of the dead come first, then what is kept, then what was left', (t) => {
  const sites = [
    site('a', { why: 'it may not' }),
    site('b', gave(1000, { bytes: 2048, outside: 3, looked: 1234, kept: 1 })),
    site('c', gave(1, { dead: 1 })),
    site('d', gave(1, { dead: 2, perhaps: 1 })),
    site('e', gave(1, { perhaps: 1000 })),
  ];
  const advice = '. Take copyOut(buffer), or hold() it';
  t.deepEqual(told(sites), [
    '4 of 5 sites were active: 1,003 Buffers (2 KiB) from arenas of requests, 3 outside of requests',
    `c: 1 use of dead Buffers${advice}`,
    `d: 3 uses of dead Buffers, 1 of them of this line or of another one of the same requests${advice}`,
    `e: 1,000 uses of dead Buffers, of this line or of another one of the same requests${advice}`,
    'b: kept past its response: 1 of 1,234 looked at',
    'a: left: it may not',
  ]);
});

test('no more than ten lines', (t) => {
  const many = (n) => Array.from({ length: n }, (_, i) => site(`${i}`, { why: `because of ${i}` }));
  t.is(told(many(8)).length, 9);
  t.is(told(many(9)).length, 10);
  t.is(told(many(9)).at(-1), '8: left: because of 8');
  t.is(told(many(10)).length, 10);
  t.is(told(many(10)).at(-1), 'and 2 lines more');
  t.is(told(many(500)).at(-1), 'and 492 lines more');
});

test('one reason of three and more lines is told once', (t) => {
  const same = (n) => Array.from({ length: n }, (_, i) => site(`${i}`, { state: 0 }));
  const why = 'its file was not loaded, or by something else than Node';
  t.deepEqual(told(same(3)), ['0 of 3 sites were active', `3 sites of 0.js, 1.js, 2.js: ${why}`]);
  t.is(told(same(4))[1], `4 sites of 0.js, 1.js, 2.js and 1 file more: ${why}`);
  t.is(told(same(9))[1], `9 sites of 0.js, 1.js, 2.js and 6 files more: ${why}`);
  t.deepEqual(told(same(2)), ['0 of 2 sites were active', `0: ${why}`, `1: ${why}`]);
  t.is(told([...same(3), site('x', { outside: 1 })]).length, 5);
});

test('one reason of several sites of a file is told once', (t) => {
  const name = 'node_modules/of/index.js';
  const why = 'it is of the package of';
  const sites = [
    site('a', { name, why }),
    site('b', { name: 'b.js', why }),
    site('c', { name, why }),
    site('d', { name, why: 'it is another' }),
  ];
  t.deepEqual(told(sites).slice(1), [
    `${name}: 2 sites: left: ${why}`,
    `b: left: ${why}`,
    'd: left: it is another',
  ]);
  t.deepEqual(told([...sites.slice(0, 1), ...sites.slice(2, 3), sites[0]]).slice(1), [
    `${name}: 3 sites: left: ${why}`,
  ]);
});

test('a line of TypeScript that was never reached may have been compiled by something else', (t) => {
  t.is(
    told([site('a', { name: 'a.cts' })])[1],
    'a: never reached, or something else compiled the file, as tsx and ts-node do',
  );
});

test('more threads than there are lanes share the last one', (t) => {
  const main = new Counts(100_000, 1);
  const workers = Array.from({ length: 20 }, () => new Counts(100_000, 1, main.shared));
  for (const worker of workers) worker.of(99_999)[ALLOCATED]++;
  t.is(main.sumOf(99_999).allocated, 20);
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
