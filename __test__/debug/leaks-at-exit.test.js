'use strict';
// tier: run-time

// At the end of a process `full` tells what was never freed.

const test = require('ava');
const { run } = require('../helpers/child.js');

const ends = (way, level = 'full') =>
  run('debug/leaves.js', { args: [way], env: { RALLOC_DEBUG: level } });

const all = [
  ["the region 'cache'", 1, 1000, 22],
  ["the slab 'frames'", 3, 60, 21],
];

for (const [way, exit] of [
  ['left', 0],
  ['catches', 0],
  ['exits', 3],
  ['calls exit', 4],
]) {
  test(`${way}: Buffers are told, once for each line that allocated them`, async (t) => {
    const { code, result, stderr } = await ends(way);
    t.deepEqual(result, all);
    t.is(code, exit);
    t.is(stderr.split('RALLOC_W_LEAK').length, 3);
    t.regex(
      stderr,
      /3 Buffers \(60 B\) of the slab 'frames', the oldest for \d+ ms, are not freed\n/,
    );
  });
}

test('tells before: what noLeaks() has told is not told again', async (t) => {
  const { code, result } = await ends('tells before');
  t.deepEqual([code, result], [0, ['ERR_RALLOC_MISUSE', ...all]]);
});

for (const way of ['frees', 'frees at exit', 'turns off']) {
  test(`${way}: nothing is told`, async (t) => {
    const { code, result, stderr } = await ends(way);
    t.deepEqual([code, result, stderr], [0, [], '']);
  });
}

test('Buffers of a slab that was closed by force are not told', async (t) => {
  t.deepEqual((await ends('closes')).result, all.slice(0, 1));
});

test('a program that dies of an error had no time to free anything: nothing is told', async (t) => {
  const { code, result, stderr } = await ends('throws');
  t.deepEqual([code, result], [1, []]);
  t.false(stderr.includes('RALLOC_W'));
});

for (const level of ['off', 'sample']) {
  test(`in \`${level}\` nothing is told at the end`, async (t) => {
    t.deepEqual((await ends('left', level)).result, []);
  });
}
