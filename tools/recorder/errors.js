'use strict';

// The errors of profiles. A message names the file if it has a name.

const { RallocError } = require('../../lib/base/errors.js');

const of = (file) => (file === undefined ? 'The profile' : `The profile ${file}`);

/** `failure`: the system's error. */
function unreadableError(file, failure) {
  const why =
    failure.code === 'ENOENT'
      ? 'There is no such file. "ralloc profile -o FILE -- node app.js" writes one'
      : `${failure.message}. Give a file that can be read`;
  const error = new RallocError('ERR_RALLOC_PROFILE_UNREADABLE', `${of(file)}: ${why}`, { file });
  error.cause = failure;
  return error;
}

const FULL = 'the disk is full. Free some space, or give a file on another disk';

function whyUnwritable(file, { code, message }) {
  if (code === 'ENOSPC' || code === 'EDQUOT') return FULL;
  return code === 'ERR_ACCESS_DENIED'
    ? `its process may not, by --permission. Start it with --allow-fs-write=${file}`
    : `${message}. Give a file in a folder that can be written`;
}

/** `what`: "The profile", "The report" … */
function unwritableError(file, failure, what = 'The profile') {
  const why = whyUnwritable(file, failure);
  const error = new RallocError(
    'ERR_RALLOC_PROFILE_UNWRITABLE',
    `${what} cannot be written to ${file}: ${why}`,
    { file },
  );
  error.cause = failure;
  return error;
}

const foreignError = (file) =>
  new RallocError(
    'ERR_RALLOC_PROFILE_FOREIGN',
    `${of(file)} is not valid: no line of ralloc's profiler is in it. Give a file that "ralloc profile" wrote`,
    { file },
  );

const damagedError = (file, why) =>
  new RallocError('ERR_RALLOC_PROFILE_DAMAGED', `${of(file)} ${why}`, { file });

const emptyError = (file) =>
  damagedError(
    file,
    'is empty: nothing was recorded before the application ended. Record again, and let it run for some seconds',
  );

const truncatedError = (file) =>
  damagedError(file, 'has no whole line: it is cut off or damaged. Copy it again, or record again');

/** The error for lines that look like a profile's, but that ralloc never writes. */
const nonsenseError = (file) =>
  damagedError(file, 'has a line that is not valid: another program wrote it. Record again');

const newerError = (file, found, expected) =>
  new RallocError(
    'ERR_RALLOC_PROFILE_VERSION',
    `${of(file)} has format ${found}; this ralloc reads formats up to ${expected}. Update ralloc`,
    { file, found, expected },
  );

/** The error for the binary format that ralloc had before its first release. */
const oldError = (file, expected) =>
  new RallocError(
    'ERR_RALLOC_PROFILE_VERSION',
    `${of(file)} is of the binary format of an earlier ralloc, which no other reads. Record again: "ralloc profile" writes lines of JSON`,
    { file, found: 0, expected },
  );

module.exports = {
  unreadableError,
  unwritableError,
  foreignError,
  emptyError,
  truncatedError,
  nonsenseError,
  newerError,
  oldError,
};
