'use strict';

// Notes that the recorders of a run leave for `ralloc profile`, which reads them at the end: names of empty files, which take no room on a full disk.

// The originals: an application's tests may replace them later.
const { closeSync, openSync, readdirSync, rmSync } = require('node:fs');
const path = require('node:path');
const process = require('node:process');
const { threadId } = require('node:worker_threads');
const { attempt } = require('../../lib/base/attempt.js');

const RUNS = 'RUNS';

const fileOf = (folder, what) => path.join(folder, `${what}-${process.pid}-${threadId}`);

/** Nobody is told where the folder is gone with the launcher, or forbidden. There is none without a launcher. */
function leave(folder, what) {
  if (folder !== undefined) attempt(() => closeSync(openSync(fileOf(folder, what), 'w')));
}

/** This process is recorded from now on. */
const begin = (folder) => leave(folder, RUNS);

/** It has told all that it has. */
function end(folder) {
  if (folder !== undefined) attempt(() => rmSync(fileOf(folder, RUNS), { force: true }));
}

/** A recorder stopped before its time. */
const stop = (folder, error) => leave(folder, error?.cause?.code ?? 'FAILED');

/** Some go on after their launcher, as daemons do. */
const isAlive = (pid) => attempt(() => process.kill(pid, 0), false);

/** `{ stopped, lost }`: an error code of each recorder that stopped, and how many processes ended before they had told all. */
function readAll(folder) {
  const notes = readdirSync(folder).map((name) => name.split('-'));
  const killed = notes.filter(([what, pid]) => what === RUNS && !isAlive(Number(pid)));
  const stopped = notes.map(([what]) => what).filter((what) => what !== RUNS);
  return { stopped, lost: killed.length };
}

module.exports = { begin, end, readAll, stop };
