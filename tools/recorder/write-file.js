'use strict';

// Writes a file completely, or not at all. An existing file is replaced only if it is empty, or
// begins like the file to be written: otherwise a forgotten name after -o would let the next
// argument, one of the user's files, be overwritten.

// The originals: an application's tests may replace them later.
const { closeSync, openSync, readSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } =
  require('node:fs');
const path = require('node:path');
const process = require('node:process');
const { attempt } = require('../../lib/base/attempt.js');
const { RallocError } = require('../../lib/base/errors.js');
const { writing } = require('./errors.js');

const LONGEST = 256; // bytes to read, enough for each beginning below

/** What each kind begins with, as latin1. */
const KINDS = {
  profile: /^\n\{"type":"(site|block|recorder)"/,
  'heap snapshot': /^\{"snapshot":/,
  page: /^<!doctype html>\n.*="Content-Security-Policy"/s,
  'report as JSON': /^\{ {0,2}\n? {0,2}"(node|before)": /,
  'export for pprof': { test: isExport },
  diff: /^--- /,
  table: /^\{\s*"format": "ralloc table"/,
};

/** Whether it is of gzip, and begins as profile.proto does: neither a profile nor an archive. */
function isExport(head) {
  const { gunzipSync, constants } = require('node:zlib');
  const finishFlush = constants.Z_SYNC_FLUSH; // it is cut off
  const text = attempt(() => gunzipSync(Buffer.from(head, 'latin1'), { finishFlush }), '');
  return text[0] === 0x0a && text[1] !== 0x7b; // a line of a profile begins with \n{
}

const statOf = (file) => statSync(file, { throwIfNoEntry: false });

function opened(file, flags, act) {
  const descriptor = openSync(file, flags);
  try {
    return act(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function headOf(file) {
  const head = Buffer.alloc(LONGEST);
  return opened(file, 'r', (fd) => head.latin1Slice(0, readSync(fd, head, 0, LONGEST, 0)));
}

/** Throws ERR_RALLOC_PROFILE_FOREIGN if `file` has content of another `kind`. */
function checkOwn(file, kind) {
  const stats = statOf(file);
  if (!stats?.isFile() || stats.size === 0 || KINDS[kind].test(headOf(file))) return;
  throw new RallocError(
    'ERR_RALLOC_PROFILE_FOREIGN',
    `The file ${file} exists and is no ${kind}, so it is left as it is. Name another file, or remove it first`,
    { file },
  );
}

/** `data`: bytes, a text, or pieces of either, one after another. */
function write(file, data) {
  const pieces = typeof data === 'string' || ArrayBuffer.isView(data) ? [data] : data;
  opened(file, 'w', (fd) => {
    for (const piece of pieces) writeFileSync(fd, piece);
  });
}

/**
 * Writes another file and renames it, so that a file never exists half written. A pipe or a
 * terminal must not be replaced.
 */
function replace(file, data) {
  const stats = statOf(file);
  if (stats && !stats.isFile()) return write(file, data);
  const target = stats ? realpathSync(file) : file;
  const temporary = path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}`);
  try {
    write(temporary, data);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/**
 * Throws ERR_RALLOC_PROFILE_UNWRITABLE, or _FOREIGN if a file of another kind is there. `what`
 * begins the message: "The profile", "The report" ...
 */
function writeFile(file, data, kind, what) {
  const act = () => {
    checkOwn(file, kind);
    replace(file, data);
  };
  writing(file, act, what);
}

module.exports = { checkOwn, statOf, writeFile };
