'use strict';

// Who takes part: an allocator, and the flags and the environment that its server's Node gets. The first is the base of all
// ratios.

const { spawnSync } = require('node:child_process');

const one = (name, { allocator = name, execArgv = [], env = {} } = {}) => ({
  name,
  allocator,
  execArgv,
  env,
});

const FALLBACK = one('ralloc-js', { allocator: 'ralloc', env: { RALLOC_BACKEND: 'js' } });

/** Of V8 13.6 to 14.7, the default from then on: Node 24 to 26. */
const FLAG = '--external-memory-accounted-in-global-limit';

const tuned = (name, flag) => one(name, { allocator: 'allocUnsafe', execArgv: [flag] });

const USUAL = [one('allocUnsafe'), tuned('allocUnsafe + flag', FLAG), one('ralloc'), one('pool')];

const MORE = [
  FALLBACK,
  one('ralloc + flag', { allocator: 'ralloc', execArgv: [FLAG] }),
  one('alloc'),
  tuned('allocUnsafe-semi64', '--max-semi-space-size=64'),
  tuned('allocUnsafe-newspace8', '--scavenger-max-new-space-capacity-mb=8'),
];

/** What --fallback compares: the binary and the JavaScript fallback. */
const BACKENDS = [one('ralloc', { env: { RALLOC_BACKEND: 'native' } }), FALLBACK];

/** Those of `wanted` whose flags this Node knows, and the names of the others. */
function known(node, wanted) {
  const knows = ({ execArgv, env }) =>
    execArgv.length === 0 ||
    spawnSync(node, [...execArgv, '-e', '0'], { env: { ...process.env, ...env } }).status === 0;
  const able = wanted.filter(knows);
  return { able, unable: wanted.filter((it) => !able.includes(it)).map(({ name }) => name) };
}

/** The contenders for this Node, and the names of those whose flags it does not know, if all were asked for. */
function contenders(node, { all = false, fallback = false } = {}) {
  const rivals = all ? [...USUAL, ...MORE] : USUAL;
  const { able, unable } = known(node, fallback ? BACKENDS : rivals);
  return { able, unable: all ? unable : [] };
}

module.exports = { FLAG, contenders, known, one };
