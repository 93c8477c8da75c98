'use strict';

// One builder at a time: two `napi build`s in one clone write the same files (cargo's own lock covers
// only its target folder). The lock is a file with its owner's pid; a dead owner's lock is taken over.

const fs = require('node:fs');
const path = require('node:path');

const WAIT_MS = 200;

function sleep(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM'; // somebody else's, and alive
  }
}

/** @returns {number | null} the pid of a living owner, or null when the lock is there no more */
function ownerOf(file) {
  try {
    const pid = Number(fs.readFileSync(file, 'utf8'));
    // An empty file is one whose owner has not written its pid yet; a second later it has died.
    if (pid === 0 && Date.now() - fs.statSync(file).mtimeMs < 1000) return -1;
    if (pid > 0 && isAlive(pid)) return pid;
    fs.rmSync(file, { force: true });
    return null;
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

function tryTake(file) {
  try {
    fs.writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Runs `work` while holding the lock `file`; waits for another owner as long as it lives. */
function withLock(file, say, work) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  let announced = false;
  while (!tryTake(file)) {
    const owner = ownerOf(file);
    if (owner === null) continue;
    if (!announced) say(`waiting for another build${owner > 0 ? ` (pid ${owner})` : ''}`);
    announced = true;
    sleep(WAIT_MS);
  }
  try {
    return work();
  } finally {
    fs.rmSync(file, { force: true });
  }
}

module.exports = { withLock };
