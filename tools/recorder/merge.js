'use strict';

// Merges many files, one after another, so that only their sum is in memory.

const { Profile } = require('./profile.js');

/**
 * Returns `{ profile, told, repeated }`: the sum of `files`; `{ file, skipped, nonsense }` of each, its skipped bytes and the number of its invalid lines; and the files with a
 * recorder that an earlier file has too. Throws what Profile.read() throws.
 */
function mergeFiles(files) {
  const profile = new Profile();
  const told = files.map((file) => ({ file, ...profile.addFile(file) }));
  const known = new Set();
  const isRepeated = ({ recorders }) => {
    const before = known.size;
    for (const id of recorders) known.add(id);
    return known.size - before < recorders.length;
  };
  return { profile, told, repeated: told.filter(isRepeated).map(({ file }) => file) };
}

module.exports = { mergeFiles };
