'use strict';

// Who takes part: an allocator and the flags that its server's Node gets. The first is the base of all ratios.

const { spawnSync } = require('node:child_process');

const one = (name, allocator = name, execArgv = []) => ({ name, allocator, execArgv });

const USUAL = [one('allocUnsafe'), one('ralloc'), one('pool')];

const MORE = [
  one('alloc'),
  one('allocUnsafe-semi64', 'allocUnsafe', ['--max-semi-space-size=64']),
  one('allocUnsafe-newspace8', 'allocUnsafe', ['--scavenger-max-new-space-capacity-mb=8']),
];

/** The contenders for this Node, and the names of those whose flags it does not know. */
function contenders(node, all) {
  const wanted = all ? [...USUAL, ...MORE] : USUAL;
  const knows = ({ execArgv }) =>
    execArgv.length === 0 || spawnSync(node, [...execArgv, '-e', '0']).status === 0;
  const able = wanted.filter(knows);
  return { able, unable: wanted.filter((it) => !able.includes(it)).map(({ name }) => name) };
}

module.exports = { contenders };
