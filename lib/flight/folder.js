'use strict';

// The folder of recordings: which are there, which is removed.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const process = require('node:process');
const { attempt } = require('../base/attempt.js');
const time = require('../base/time.js');

/** A file's path from the current folder, if it is there. */
function shortOf(file) {
  const name = path.relative('.', file);
  return name.startsWith('..') ? file : name;
}

const KEPT = 16; // files
const FRESH_MS = 10_000; // a file that was written since is of a process that lives
const NEW = '.new'; // behind the name of a recording that has no record yet
const NAME = /^ralloc-.+\.flight$/;

/** Folders for recordings that no folder was named for: nobody else can write there. */
function ownFolders() {
  const name = `ralloc-flight-${attempt(() => process.getuid(), os.userInfo().username)}`;
  const roots = process.platform === 'linux' ? [os.tmpdir(), '/dev/shm'] : [os.tmpdir()];
  return roots.map((root) => path.join(root, name));
}

/** Whether only this user can write there. */
function isOwn(folder) {
  const stat = fs.lstatSync(folder);
  if (process.platform === 'win32') return stat.isDirectory();
  return stat.isDirectory() && stat.uid === process.getuid() && (stat.mode & 0o022) === 0;
}

/**
 * Makes a folder and those above it. Not by `recursive`, with which Node tries for ever where a
 * folder that is there takes no others, such as /proc.
 */
function makeFolder(folder) {
  try {
    fs.mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const above = path.dirname(folder);
    if (error.code === 'EEXIST' && fs.statSync(folder).isDirectory()) return;
    if (error.code !== 'ENOENT' || fs.existsSync(above)) throw error;
    makeFolder(above);
    fs.mkdirSync(folder, { mode: 0o700 });
  }
}

/** The first of the folders that can be used. Throws the last error if there is none. */
function makeOwnFolder() {
  let failure;
  for (const folder of ownFolders()) {
    try {
      makeFolder(folder);
      fs.accessSync(folder, fs.constants.W_OK);
      if (isOwn(folder)) return folder;
      failure = new Error(`${folder} is not this user's alone`);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/**
 * The recordings in a folder, `[{ file, at }]`, the newest first. Empty if it cannot be read.
 * `listed`: which names.
 */
function filesIn(folder, listed = NAME) {
  const names = attempt(() => fs.readdirSync(folder), []).filter((name) => listed.test(name));
  const files = names.flatMap((name) => {
    const file = path.join(folder, name);
    const stat = attempt(() => fs.lstatSync(file));
    return stat?.isFile() ? [{ file, at: stat.mtimeMs }] : [];
  });
  return files.sort((one, other) => other.at - one.at);
}

/** Makes room for one more. */
function removeOld(folder) {
  const cutOff = filesIn(folder, /^ralloc-.+\.flight\.new$/);
  for (const { file, at } of [...filesIn(folder).slice(KEPT - 1), ...cutOff])
    if (time.wall() - at > FRESH_MS) attempt(() => fs.unlinkSync(file));
}

/** A name for a recording of this process. */
function nameHere() {
  const host = os
    .hostname()
    .replace(/[^\w.-]/g, '_')
    .slice(0, 64);
  return `ralloc-${host}-${process.pid}-${time.wall()}`;
}

module.exports = {
  NEW,
  filesIn,
  makeFolder,
  makeOwnFolder,
  nameHere,
  ownFolders,
  removeOld,
  shortOf,
};
