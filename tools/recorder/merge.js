'use strict';

// Merges many files, one after another, so that only their sum is in memory.

const { Profile } = require('./profile.js');

/** The files with a recorder that an earlier file has too. */
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
 * Returns `{ profile, skipped, nonsense, repeated }`: the sum of `files`; Maps from a file to its skipped bytes, and to the number of its invalid lines;
 * and the files with a recorder that an earlier file has too. Throws what Profile.read() throws.
 */
function mergeFiles(files) {
  const profile = new Profile();
  const told = files.map((file) => ({ file, ...profile.addFile(file) }));
  const mapOf = (name) => new Map(told.map((one) => [one.file, one[name]]));
  const [skipped, nonsense] = [mapOf('skipped'), mapOf('nonsense')];
  return { profile, skipped, nonsense, repeated: repeatedOf(told) };
}

module.exports = { mergeFiles };
