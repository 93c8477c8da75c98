'use strict';
// tier: tools

// Whether the rows of the demo are to be believed.

const test = require('ava');
const { busyLines, watchOthers } = require('../../demo/busy.js');

/** A row of two blocks of two passes. */
const row = (mix, rps, p99) => ({ run: { mix, allocator: 'allocUnsafe', blocks: { rps, p99 } } });

const QUIET = row(
  'json',
  [
    [100, 104],
    [103, 100],
  ],
  [
    [2, 2.4],
    [2.4, 2],
  ],
);
const BUSY = row(
  'frame',
  [
    [100, 101],
    [90, 91],
  ],
  [
    [2, 4],
    [9, 3],
  ],
);

test('on a quiet machine nothing is said', (t) => {
  t.deepEqual(busyLines([QUIET], 0.05), []);
  t.deepEqual(busyLines([QUIET], undefined), [], 'where the system tells nothing');
});

test('on a busy one: who says so, and that the rows are not to be believed', (t) => {
  const end = 'Do not believe these rows: run it again alone.';
  t.deepEqual(busyLines([QUIET], 0.8), [
    `The machine was busy: others had 80 % of the processors. ${end}`,
  ]);
  t.deepEqual(busyLines([QUIET, BUSY], 0), [
    `The machine was busy: allocUnsafe differed from itself (frame p99 2.50 ×). ${end}`,
  ]);
});

test('the share that others have of the processors', (t) => {
  const share = watchOthers();
  const end = process.cpuUsage().user + 200_000;
  while (process.cpuUsage().user < end);
  const others = share();
  if (process.platform === 'linux') t.true(others >= 0 && others <= 1, `${others}`);
  else t.is(others, undefined);
});
