'use strict';

// Merges many files, one after another: what stays in memory is their sum.

const { Profile } = require('./profile.js');

/** The files whose recorders another one has too. */
function repeatedOf(told) {
  const owners = new Map();
  const repeated = new Set();
  for (const { file, recorders } of told) {
    for (const id of recorders) {
      if (owners.has(id)) repeated.add(file);
      else owners.set(id, file);
    }
  }
  return [...repeated];
}

/**
 * The sum `profile` of `files`, with `skipped` and `nonsense`, Maps of a file → its bytes that were left out, and how many lines of these make no sense, and with
 * `repeated`, the files with a recorder that one before has too. Throws what Profile.read() does.
 */
function mergeFiles(files) {
  const profile = new Profile();
  const told = files.map((file) => ({ file, ...profile.addFile(file) }));
  const mapOf = (name) => new Map(told.map((one) => [one.file, one[name]]));
  const [skipped, nonsense] = [mapOf('skipped'), mapOf('nonsense')];
  return { profile, skipped, nonsense, repeated: repeatedOf(told) };
}

module.exports = { mergeFiles };
