'use strict';

// Tests of what Windows does not have: one way for each thing. Elsewhere they run, and there they are skipped by a title that names it.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { testWhere } = require('./backend.js');
const { newFolder, removeFolder } = require('./folder.js');

const isWindows = process.platform === 'win32';
const needing = (what) => (title, body, run) => testWhere(!isWindows, what, title, body, run);

function links(target, kind) {
  if (!isWindows) return true;
  const dir = newFolder();
  const link = path.join(dir, 'link');
  try {
    fs.symlinkSync(target, link, kind);
    return fs.existsSync(link);
  } catch {
    return false;
  } finally {
    removeFolder(dir);
  }
}

/** Windows lets few people link files, and Wine only seems to do so. */
const linksFiles = () => links(__filename, 'file');
/** Wine has no junctions. */
const linksFolders = () => links(__dirname, 'junction');

/** Elsewhere it has to be there: to start it only to ask would cost each file of tests, and hide that it is missing. */
const has = (program) =>
  !isWindows || spawnSync(`${program} --version`, { shell: true }).status === 0;

const hasGit = has('git');

/** The newest TypeScript is a program of a package for each platform: an emulator finds that of the machine below it. */
const hasTypeScript =
  !isWindows ||
  fs.existsSync(
    path.join(__dirname, `../../node_modules/@typescript/typescript-win32-${process.arch}`),
  );

/**
 * A test of one of operations.js, `isSeen`: to whose write the bytes show that came after its own. A pipe of Windows has copied all by then, also what it
 * has no room for.
 */
function inFlightTest(name, isSeen, title, body, run) {
  const isCopied = isWindows && isSeen && name.includes('write');
  testWhere(!isCopied, 'a pipe that copies what it has room for', title, body, run);
}

/** A test of the operation `name` on a pipe: Windows lets nobody write to one that was opened to append. */
function appendTest(name, title, body, run) {
  const isAppended = isWindows && name.endsWith('appendFile');
  testWhere(!isAppended, 'a pipe that is appended to', title, body, run);
}

module.exports = {
  appendTest,
  inFlightTest,
  linksFiles,
  hasGit,
  needsFileLinks: (title, body, run) => testWhere(linksFiles(), 'links to files', title, body, run),
  needsFolderLinks: (title, body, run) =>
    testWhere(linksFolders(), 'links to folders', title, body, run),
  needsGit: (title, body, run) => testWhere(hasGit, 'git', title, body, run),
  needsTypeScript: (title, body, run) => testWhere(hasTypeScript, 'TypeScript', title, body, run),
  needsNpm: (title, body, run) => testWhere(has('npm'), 'npm', title, body, run),
  /** A process that sends itself SIGINT ends there. */
  needsInterrupt: needing('a process that interrupts itself'),
  /** Files are opened there until memory ends. */
  needsFileLimit: needing('a limit of open files'),
};
