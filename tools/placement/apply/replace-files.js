'use strict';

// Replaces several files: all of them, or none.

const fs = require('node:fs');
const path = require('node:path');

/** An expected error: see tools/cli/index.js. */
const failed = (message, code, cause) => Object.assign(new Error(message), { code, cause });

function unwritableError(file, failure) {
  const why = failure.code === 'ENOSPC' ? 'the disk is full' : failure.message;
  return failed(`${file} cannot be written: ${why}. Nothing was changed`, failure.code, failure);
}

const changedError = (file) =>
  failed(`${file} was changed meanwhile. ralloc changed nothing. Try again`, 'ESTALE');

const IDS = 0o6000; // setuid and setgid

/** Gives a file the owner and group of the file that it replaces, as far as the system allows, like git. Returns the mode. */
function own(descriptor, { uid, gid }, mode) {
  const now = fs.fstatSync(descriptor);
  if (now.uid === uid && now.gid === gid) return mode;
  for (const owner of [uid, now.uid]) {
    try {
      fs.fchownSync(descriptor, owner, gid);
      return owner === uid ? mode : mode & ~IDS;
    } catch (error) {
      if (error.code !== 'EPERM') throw error;
    }
  }
  return mode & ~IDS;
}

/** Writes a new file beside a file, with its mode and, if possible, its owner. */
function writeBeside({ file, mode }, bytes) {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.ralloc`);
  const descriptor = fs.openSync(temporary, 'wx', 0o600);
  try {
    fs.writeFileSync(descriptor, bytes);
    fs.fchmodSync(descriptor, own(descriptor, fs.statSync(file), mode));
    fs.fsyncSync(descriptor);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  } finally {
    fs.closeSync(descriptor);
  }
  return temporary;
}

function replace(one, bytes) {
  const temporary = writeBeside(one, bytes);
  fs.renameSync(temporary, one.file);
}

/** Writes each new content beside its file, so that everything that can fail does so before the first file is replaced. */
function prepare(files) {
  const temporaries = [];
  for (const one of files) {
    try {
      fs.accessSync(one.file, fs.constants.W_OK);
      temporaries.push(writeBeside(one, one.now));
      if (!fs.readFileSync(one.file).equals(one.bytes)) throw changedError(one.file);
    } catch (error) {
      for (const temporary of temporaries) fs.rmSync(temporary, { force: true });
      throw error.code === 'ESTALE' ? error : unwritableError(one.file, error);
    }
  }
  return temporaries;
}

/**
 * Writes `now` into each of `files`, `{ file, bytes, mode, now }`. `bytes` and `mode` are those that were read before. Throws an error with a code.
 */
function replaceFiles(files) {
  const temporaries = prepare(files);
  for (let at = 0; at < files.length; at++) {
    try {
      fs.renameSync(temporaries[at], files[at].file);
    } catch (error) {
      for (const temporary of temporaries.slice(at)) fs.rmSync(temporary, { force: true });
      for (const one of files.slice(0, at)) replace(one, one.bytes);
      throw unwritableError(files[at].file, error);
    }
  }
}

module.exports = { replaceFiles };
