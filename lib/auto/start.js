'use strict';

// Begins the parts of ralloc/auto in this thread, and a trial, if it has a table. What a trial
// takes, 6 MB, is loaded for one alone.

const fs = require('node:fs');
const process = require('node:process');
const { isDisabled } = require('../base/environment.js');
const { kTrial } = require('../base/protocol.js');
const { isMainThread } = require('../base/runtime.js');
const { attempt } = require('../base/attempt.js');
const { lazy } = require('../base/lazy.js');
const { inheritedHere, optionsHere } = require('./options.js');
const { NO_TABLE, startParts } = require('./parts.js');
const path = require('node:path');
const time = require('../base/time.js');

// Programs that start applications, as npm does. Their own allocations do not matter; NODE_OPTIONS
// reaches what they start.
//
// They start a script by a shell, and pass SIGTERM on to that alone. A shell that waits for a
// program, as Debian's does, ends by it, and the program goes on as if nothing was. So here it goes
// to what the shell waits for, and to the shell when nothing is left of that.

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

const trial = lazy(() => require('../../tools/placement/trial/begin.js'));

const isFile = (name) => attempt(() => fs.statSync(name).isFile(), false);

/**
 * Whether to read a table: if it is named or `ralloc compare` gave it, even if it does not exist;
 * otherwise only if it is a file, and no pipe that would be waited for.
 */
const hasTable = ({ file, isNamed, notes, parts }) =>
  notes !== undefined || (!isDisabled() && !parts.includes(NO_TABLE) && (isNamed || isFile(file)));

function start() {
  if (globalThis[kTrial] !== undefined) return;
  if (isMainThread && isStarter()) return passOn();
  const options = optionsHere();
  if (isMainThread && process.env.RALLOC_FLIGHT_RECORDER)
    require('../flight/environment.js').beginHere();
  if (options.notes === undefined) startParts(options.parts); // `ralloc compare --table` measures only the changed lines
  if (isMainThread) {
    if (hasTable(options)) trial().beginTrial(options);
    return;
  }
  const inherited = inheritedHere();
  if (inherited !== undefined) attempt(() => trial().beginInWorker(inherited));
}

module.exports = { start, isStarter, passOn };
