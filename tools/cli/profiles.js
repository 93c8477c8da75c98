'use strict';

// Reads the profiles that a verb sums up, and tells which parts of them are missing or damaged.

const fs = require('node:fs');
const path = require('node:path');
const { formatBytes } = require('../../lib/base/bytes.js');
const { mergeFiles } = require('../recorder/merge.js');
const { UsageError } = require('./exit.js');
const { count, tell } = require('./print.js');

/** Throws if a file is given twice: the sum would be wrong, and nothing would show it. */
function checkOnce(files) {
  const seen = new Map();
  for (const file of files) {
    const stats = fs.statSync(file, { throwIfNoEntry: false, bigint: true });
    const key = stats === undefined ? path.resolve(file) : `${stats.dev}:${stats.ino}`;
    if (seen.has(key)) {
      throw new UsageError(
        `${file} is given twice (also as ${seen.get(key)}): it would count twice`,
      );
    }
    seen.set(key, file);
  }
}

/** The sum of profiles. Throws what Profile.read() throws. */
function readProfiles(files) {
  checkOnce(files);
  const { profile, told, repeated } = mergeFiles(files);
  for (const { file, skipped, nonsense } of told) {
    if (skipped > 0)
      tell(
        `ralloc: ${file}: ${formatBytes(skipped)} skipped that ${skipped === 1 ? 'is' : 'are'} of no whole line. A killed process leaves one at the end; elsewhere the file is damaged`,
      );
    if (nonsense > 0)
      tell(
        `ralloc: ${file}: ${count(nonsense, 'line')} left out that make${nonsense === 1 ? 's' : ''} no sense: another program wrote there`,
      );
  }
  const { lost } = profile;
  if (lost > 0)
    tell(
      `ralloc: ${count(lost, 'block')} of recorders ${lost === 1 ? 'is' : 'are'} missing in the midst of the files: what they told is in no sum`,
    );
  for (const file of repeated) {
    tell(
      `ralloc: ${file} has recorders that another of the files has too: what both have counts twice`,
    );
  }
  return profile;
}

module.exports = { readProfiles };
