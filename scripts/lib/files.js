'use strict';

// The files that the checks look at: what git tracks, and what is new and not ignored, so that a check
// says the same before a commit as after it.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

/** @returns {string[]} sorted paths relative to `root`, with `/`; files that are there, not links */
function listFiles(root) {
  const { status, stdout, stderr } = spawnSync(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  if (status !== 0) throw new Error(`git ls-files failed: ${stderr}`);
  return [...new Set(stdout.split('\0'))].filter((file) => file && isFile(root, file)).sort();
}

function isFile(root, file) {
  return !!fs.lstatSync(path.join(root, file), { throwIfNoEntry: false })?.isFile();
}

function readFile(root, file) {
  return fs.readFileSync(path.join(root, file), 'utf8');
}

module.exports = { listFiles, readFile };
