'use strict';

// Programs under `ralloc profile`, and what was recorded of them.

const { join } = require('node:path');
const { Profile } = require('./sums.js');
const { run, fixturePath } = require('./child.js');
const { folder } = require('./folder.js');

const bin = join(__dirname, '..', '..', 'bin', 'ralloc.js');

/** `ralloc …`, on this Node: as child.js' run(). */
const ralloc = (args, { cwd, ...options } = {}) => run('', { path: bin, args, cwd, ...options });

/** A program of fixtures/tools/recorder/ under `ralloc profile`: { …how it ended, file, read() → Profile }. */
async function profiled(t, program, { args = [], execArgv = [], options = [], env, cwd } = {}) {
  const file = join(folder(t), 'of-test.jsonl');
  const command = [
    process.execPath,
    ...execArgv,
    fixturePath(join('tools/recorder', program)),
    ...args,
  ];
  const ended = await ralloc(['profile', '-o', file, ...options, '--', ...command], { env, cwd });
  return { ...ended, file, read: () => Profile.read(file) };
}

/** A program of fixtures/tools/recorder/ with the preload alone; `env`: RALLOC_PROFILE_* and others. */
async function preloaded(t, program, { args = [], execArgv = [], env = {}, cwd } = {}) {
  const file = join(folder(t), 'of-test.jsonl');
  const ended = await run(join('tools/recorder', program), {
    args,
    execArgv: ['--import', 'ralloc/profile', ...execArgv],
    env: { RALLOC_PROFILE_FILE: file, ...env },
    cwd,
  });
  return { ...ended, file, read: () => Profile.read(file) };
}

module.exports = { bin, preloaded, profiled, ralloc };
