'use strict';

// Notes that the recorders of a run leave for `ralloc profile`, which reads them at the end. Notes
// are names of empty files, so they fit on a full disk too.

// The originals: an application's tests may replace them later.
const { closeSync, openSync, readdirSync, rmSync } = require('node:fs');
const path = require('node:path');
const process = require('node:process');
const { attempt } = require('../../lib/base/attempt.js');
const { threadId } = require('../../lib/base/runtime.js');

const RUNS = 'RUNS';

/**
 * Calls act() with the name of a note. Does nothing without a launcher, and ignores a folder that
 * is gone with the launcher, or forbidden.
 */
const note = (folder, what, act) =>
  folder && attempt(() => act(path.join(folder, `${what}-${process.pid}-${threadId}`)));

const leave = (file) => closeSync(openSync(file, 'w'));

/** Notes that this process is recorded from now on. */
const begin = (folder) => note(folder, RUNS, leave);

/** Notes that this process has written everything. */
const end = (folder) => note(folder, RUNS, (file) => rmSync(file, { force: true }));

/** Notes that a recorder stopped early. */
const stop = (folder, error) => note(folder, error?.cause?.code ?? 'FAILED', leave);

/** Whether a process is alive: daemons outlive their launcher. */
const isAlive = (pid) => attempt(() => process.kill(pid, 0), false);

/**
 * Reads the notes: `{ stopped, lost }`. `stopped`: the error code of each recorder that stopped;
 * `lost`: how many processes ended before they had written everything.
 */
function readAll(folder) {
  const notes = readdirSync(folder).map((name) => name.split('-'));
  const killed = notes.filter(([what, pid]) => what === RUNS && !isAlive(Number(pid)));
  const stopped = notes.map(([what]) => what).filter((what) => what !== RUNS);
  return { stopped, lost: killed.length };
}

module.exports = { begin, end, readAll, stop };
