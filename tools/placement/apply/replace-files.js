'use strict';

// Replaces several files, all of them or none.

const fs = require('node:fs');
const path = require('node:path');

/** An error that was foreseen: see tools/cli/index.js. */
const failed = (message, code, cause) => Object.assign(new Error(message), { code, cause });

function unwritableError(file, failure) {
  const why = failure.code === 'ENOSPC' ? 'the disk is full' : failure.message;
  return failed(`${file} cannot be written: ${why}. Nothing was changed`, failure.code, failure);
}

const changedError = (file) =>
  failed(`${file} was changed meanwhile. ralloc changed nothing. Try again`, 'ESTALE');

const IDS = 0o6000; // who runs it gets the owner's rights, or the group's

/** The owner and the group of a file that takes another one's place; what the system does not let us give stays, as where git writes. Returns the mode. */
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

/** Writes beside a file, with its mode, and its owner as far as may be. */
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

/** What each is to be, beside it: all that can fail is tried before the first one is replaced. */
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
 * Writes `now` into each of `files`, `{ file, bytes, mode, now }`: what they are, as they were read, and what they are to be. Throws an error with a code.
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
