'use strict';

// Programs that start applications, as npm does. Their own allocations do not matter; NODE_OPTIONS
// reaches what they start.
//
// They start a script by a shell, and pass SIGTERM on to that alone. A shell that waits for a
// program, as Debian's does, ends by it, and the program goes on as if nothing was. So here it goes
// to what the shell waits for, and to the shell when nothing is left of that.

const fs = require('node:fs');
const path = require('node:path');
const process = require('node:process');
const { attempt } = require('../base/attempt.js');
const time = require('../base/time.js');

const STARTERS = /^(npm|npx|pnpm|pnpx|yarn|yarnpkg|corepack)(-cli)?(\.[cm]?js)?$/;
const SHELLS = /^(ba|da|a|k|z)?sh$/;
const POLL_MS = 20;

const isStarter = () => STARTERS.test(path.basename(process.argv[1] ?? ''));

const read = (file) => attempt(() => fs.readFileSync(file, 'latin1').trim(), '');
const isShell = (pid) => SHELLS.test(read(`/proc/${pid}/comm`));
const childrenOf = (pid) => read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean);

/**
 * What a shell waits for, also by shells that it has started. None if `pid` is no shell, or the
 * system does not say.
 */
const awaitedBy = (pid) =>
  isShell(pid)
    ? childrenOf(pid).flatMap((child) => (isShell(child) ? awaitedBy(child) : [Number(child)]))
    : [];

/**
 * Ends a shell when it waits for nothing more: a program that it starts meanwhile gets SIGTERM too.
 */
function endShell(child, told, kill) {
  const timer = time.setInterval(() => {
    const awaited = awaitedBy(child.pid);
    for (const pid of awaited.filter((one) => !told.has(one))) terminate(pid, told);
    if (awaited.length > 0) return;
    time.clearInterval(timer);
    kill('SIGTERM'); // does nothing if it has ended by itself, with the program's exit code
  }, POLL_MS);
}

function terminate(pid, told) {
  told.add(pid);
  attempt(() => process.kill(pid, 'SIGTERM'));
}

/** Passes SIGTERM on to programs: replaces kill() of this process's children. */
function passOn() {
  const { ChildProcess } = require('node:child_process');
  const { kill } = ChildProcess.prototype;
  const shells = new WeakMap(); // shell → the processes that got SIGTERM
  ChildProcess.prototype.kill = function (signal = 'SIGTERM') {
    const killShell = (one) => Reflect.apply(kill, this, [one]);
    const awaited = signal === 'SIGTERM' ? awaitedBy(this.pid) : [];
    if (awaited.length === 0) return killShell(signal);
    const told = shells.get(this) ?? new Set();
    for (const pid of awaited) terminate(pid, told);
    if (!shells.has(this)) endShell(this, told, killShell);
    shells.set(this, told);
    return true;
  };
}

module.exports = { childrenOf, isStarter, passOn };
