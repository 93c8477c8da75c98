'use strict';

// Who takes part: an allocator and the flags that its server's Node gets.

const { spawnSync } = require('node:child_process');

const ALWAYS = [
  { name: 'allocUnsafe', allocator: 'allocUnsafe', execArgv: [] },
  { name: 'alloc', allocator: 'alloc', execArgv: [] },
  { name: 'ralloc', allocator: 'ralloc', execArgv: [] },
];

const PEERS = [
  {
    name: 'allocUnsafe-semi64',
    allocator: 'allocUnsafe',
    execArgv: ['--max-semi-space-size=64'],
  },
  {
    name: 'allocUnsafe-newspace8',
    allocator: 'allocUnsafe',
    execArgv: ['--scavenger-max-new-space-capacity-mb=8'],
  },
  { name: 'pool', allocator: 'pool', execArgv: [] },
];

/** The contenders for this Node, and the names of those whose flags it does not know. */
function contenders(node, peers) {
  const all = peers ? [...ALWAYS, ...PEERS] : ALWAYS;
  const knows = ({ execArgv }) =>
    execArgv.length === 0 || spawnSync(node, [...execArgv, '-e', '0']).status === 0;
  const able = all.filter(knows);
  return { able, unable: all.filter((one) => !able.includes(one)).map(({ name }) => name) };
}

module.exports = { contenders };
