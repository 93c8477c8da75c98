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

for (const way of ['frees at exit', 'turns off']) {
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

test('in `sample` nothing is told at the end', async (t) => {
  t.deepEqual((await ends('left', 'sample')).result, []);
});

// Copies of ralloc in one process, each with a debug mode of its own.

const copies = (level) =>
  run('debug/copies.js', {
    execArgv: ['--max-old-space-size=100'],
    env: { RALLOC_DEBUG: level, NODE_V8_COVERAGE: '' },
  });

test('each copy tells at the end what of its own is left, behind the application’s listeners', async (t) => {
  const { code, stderr } = await copies('full');
  t.is(code, 0, stderr);
  const told = [...stderr.matchAll(/RALLOC_W_LEAK\].* of the slab '(.*?)'/g)];
  t.deepEqual(told.map(([, name]) => name).sort(), ['of copy 1', 'of copy 2']);
});

test('in `sample` the process ends too', async (t) => {
  t.is((await copies('sample')).code, 0);
});
