'use strict';

// One builder at a time: two `napi build`s in one clone write the same files (cargo's own lock covers
// only its target folder). The lock is a file with its owner's pid; a dead owner's lock is taken over.

const fs = require('node:fs');
const path = require('node:path');

const WAIT_MS = 200;
const YOUNG_MS = 1000; // an empty file, whose owner has not written its pid yet

const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM'; // somebody else's
  }
}

/** Removes the lock of a dead owner. @returns whether there is a living one */
function isHeld(file) {
  try {
    const pid = Number(fs.readFileSync(file, 'utf8'));
    const age = Date.now() - fs.statSync(file).mtimeMs;
    if (pid > 0 ? isAlive(pid) : age < YOUNG_MS) return true;
    fs.rmSync(file, { force: true });
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  return false;
}

/** Runs `work` while holding the lock `file`; waits for another owner as long as it lives. */
function withLock(file, say, work) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  for (let isTold = false; ; isTold = true) {
    try {
      fs.writeFileSync(file, `${process.pid}`, { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (!isHeld(file)) continue;
    if (!isTold) say('waiting for another build');
    sleep(WAIT_MS);
  }
  try {
    return work();
  } finally {
    fs.rmSync(file, { force: true });
  }
}

module.exports = { withLock };
