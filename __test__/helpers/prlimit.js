'use strict';

// Limits of a process that runs, which need Linux and util-linux.

const { execFileSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const { isNative, nativeTest, testWhere } = require('./backend.js');

const hasPrlimit = (() => {
  if (process.platform !== 'linux') return false;
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** A test that limits a process. */
const limitTest = (title, body) => testWhere(hasPrlimit, 'prlimit', title, body);

/** The same of what only native memory does; `why` the fallback does not. */
const nativeLimitTest = (title, why, body) =>
  isNative ? limitTest(title, body) : nativeTest(title, why, body);

const soft = (pid, name, value) =>
  execFileSync('prlimit', ['--pid', `${pid}`, `--${name}=${value}:`]);

/** Leaves a process `bytes` of address space more than it has; 'unlimited' lifts that. */
function limitAddressSpace(pid, bytes) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const has = Number(status.match(/VmSize:\s+(\d+)/)[1]) * 1024;
  soft(pid, 'as', bytes === 'unlimited' ? bytes : has + bytes);
}

/** How much a process may lock, in bytes. */
const limitLocked = (pid, bytes) => soft(pid, 'memlock', bytes);

/** Options of a child that a limit on locked memory holds for: root may lock what it likes, unless it gives that up. */
const unprivileged =
  process.getuid?.() === 0
    ? { execPath: 'setpriv', execArgv: ['--bounding-set=-ipc_lock', process.execPath] }
    : {};

module.exports = {
  limitTest,
  limitAddressSpace,
  limitLocked,
  nativeLimitTest,
  unprivileged,
};
