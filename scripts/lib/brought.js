'use strict';

// Tools that a script brings into a folder of its own: all of a tool is there, or nothing.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const MOST_MS = 900_000;
const LEAST_BYTES = 3 * 1024 ** 3; // a tool chain and what it builds

/** Refuses before anything is begun that would end in a full disk. */
function checkSpace(folder) {
  const { bavail, bsize } = fs.statfsSync(folder);
  if (bavail * bsize >= LEAST_BYTES) return;
  const left = Math.floor((bavail * bsize) / 1024 ** 2);
  throw new Error(`${folder} has ${left} MiB left, and the tools take ${LEAST_BYTES / 1024 ** 2}`);
}

/** Runs a program to its end; throws its last word on stderr. @returns what it printed */
function execute(program, args, options = {}) {
  const { status, signal, error, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: MOST_MS,
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status === 0) return stdout;
  const said = (stderr ?? '').trim().split('\n').at(-1);
  const why = error?.message || said || signal || `exit code ${status}`;
  throw new Error(`${path.basename(program)} ${args[0]}: ${why}`);
}

/**
 * Has `fill` put a tool into a new folder, which gets its name once it is whole. What is there already is kept.
 * @returns the folder
 */
async function once(folder, fill) {
  if (fs.existsSync(folder)) return folder;
  const part = `${folder}.${process.pid}.part`;
  fs.mkdirSync(path.dirname(folder), { recursive: true });
  checkSpace(path.dirname(folder));
  console.error(`platforms: ${path.basename(folder)}`);
  try {
    fs.mkdirSync(part);
    await fill(part);
    fs.renameSync(part, folder);
  } catch (error) {
    if (!fs.existsSync(folder)) throw error; // or another process was faster
  } finally {
    fs.rmSync(part, { recursive: true, force: true });
  }
  return folder;
}

module.exports = { execute, once };
