'use strict';

// Tests of what Windows does not have: one way for each thing. Elsewhere they run, and there they are skipped by a title that names it.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { testWhere } = require('./backend.js');

const isWindows = process.platform === 'win32';
const needing = (what) => (title, body, run) => testWhere(!isWindows, what, title, body, run);

/** Windows lets few people link files, and Wine only seems to do so. */
function linksFiles() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-'));
  const link = path.join(dir, 'link');
  try {
    fs.symlinkSync(__filename, link);
    return fs.existsSync(link);
  } catch {
    return false;
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}

const has = (program) => spawnSync(`${program} --version`, { shell: true }).status === 0;

const hasGit = has('git');

module.exports = {
  linksFiles,
  hasGit,
  needsGit: (title, body, run) => testWhere(hasGit, 'git', title, body, run),
  needsNpm: (title, body, run) => testWhere(has('npm'), 'npm', title, body, run),
  /** A process that sends itself SIGINT ends there. */
  needsInterrupt: needing('a process that interrupts itself'),
  /** Files are opened there until memory ends. */
  needsFileLimit: needing('a limit of open files'),
};
