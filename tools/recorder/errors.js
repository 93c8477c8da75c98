'use strict';

// The errors of profiles. A message names the file if it has a name.

const { RallocError } = require('../../lib/base/errors.js');
const { fileFault } = require('../../lib/base/file-names.js');

const of = (file) => (file === undefined ? 'The profile' : `The profile ${file}`);

function unreadableError(file, cause) {
  const why =
    cause.code === 'ENOENT'
      ? 'there is no such file. "ralloc profile -o FILE -- node app.js" writes one'
      : `${fileFault(cause)}. Give a file that can be read`;
  return new RallocError('ERR_RALLOC_PROFILE_UNREADABLE', `${of(file)}: ${why}`, { file, cause });
}

function whyUnwritable(file, cause) {
  const { code } = cause;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return 'the disk is full. Free some space, or give a file on another disk';
  return code === 'ERR_ACCESS_DENIED'
    ? `its process may not, by --permission. Start it with --allow-fs-write=${file}`
    : `${fileFault(cause, 'its folder is not there')}. Give a file in a folder that can be written`;
}

/** `what`: "The profile", "The report" ... */
const unwritableError = (file, cause, what = 'The profile') =>
  new RallocError(
    'ERR_RALLOC_PROFILE_UNWRITABLE',
    `${what} cannot be written to ${file}: ${whyUnwritable(file, cause)}`,
    { file, cause },
  );

/** Returns act(). If the system refuses, throws an error that names the file. */
function writing(file, act, what) {
  try {
    return act();
  } catch (error) {
    if (error.syscall === undefined && error.code !== 'ERR_ACCESS_DENIED') throw error;
    throw unwritableError(file, error, what);
  }
}

const foreignError = (file) =>
  new RallocError(
    'ERR_RALLOC_PROFILE_FOREIGN',
    `${of(file)} is not valid: no line of ralloc's profiler is in it. Give a file that "ralloc profile" wrote`,
    { file },
  );

/** Kinds of damage. `nonsense`: lines that look like a profile's, but that ralloc never writes. */
const DAMAGE = {
  empty:
    'is empty: nothing was recorded before the application ended. Record again, and let it run for some seconds',
  truncated: 'has no whole line: it is cut off or damaged. Copy it again, or record again',
  nonsense: 'has a line that is not valid: another program wrote it. Record again',
};

const damagedError = (file, kind) =>
  new RallocError('ERR_RALLOC_PROFILE_DAMAGED', `${of(file)} ${DAMAGE[kind]}`, { file });

/** `found`: its format; 0 is the binary one that ralloc had before its first release. */
function versionError(file, found, expected) {
  const why =
    found === 0
      ? 'is of the binary format of an earlier ralloc, which no other reads. Record again: "ralloc profile" writes lines of JSON'
      : `has format ${found}; this ralloc reads formats up to ${expected}. Update ralloc`;
  const details = { file, found, expected };
  return new RallocError('ERR_RALLOC_PROFILE_VERSION', `${of(file)} ${why}`, details);
}

module.exports = {
  ...{ damagedError, foreignError, unreadableError, unwritableError, versionError },
  writing,
};
