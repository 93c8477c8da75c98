'use strict';
// tier: tools

// Who takes part on this Node.

const test = require('ava');
const { FLAG, contenders } = require('../../demo/contenders.js');

const [major, minor] = process.versions.v8.split('.').map(Number);
const number = 100 * major + minor;
const hasFlag = number >= 1306 && number < 1408;
const flagged = hasFlag ? ['allocUnsafe + flag'] : [];

const named = (list) => list.map(({ name }) => name);

test("by default V8's flag is a rival where this Node has it, and nothing is said where it has not", (t) => {
  const { able, unable } = contenders(process.execPath);
  t.deepEqual(named(able), ['allocUnsafe', ...flagged, 'ralloc', 'pool']);
  t.deepEqual(unable, []);
  for (const { allocator, execArgv } of able.filter(({ name }) => flagged.includes(name)))
    t.deepEqual([allocator, execArgv], ['allocUnsafe', [FLAG]]);
});

test('with --all ralloc has it too, and who cannot take part is told', (t) => {
  const { able, unable } = contenders(process.execPath, { all: true });
  for (const name of ['allocUnsafe + flag', 'ralloc + flag'])
    t.deepEqual([named(able).includes(name), unable.includes(name)], [hasFlag, !hasFlag]);
});

test('--fallback compares the backends alone', (t) => {
  const { able, unable } = contenders(process.execPath, { fallback: true });
  t.deepEqual([named(able), unable], [['ralloc', 'ralloc-js'], []]);
});
