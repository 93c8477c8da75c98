'use strict';

// `ralloc merge`: adds up many profiles to one.

const fs = require('node:fs');
const { mergeFiles } = require('../recorder/merge.js');
const { OK, UsageError } = require('./exit.js');
const { count, tell } = require('./print.js');
const { tellDamage } = require('./damage.js');

const summary = 'sum up profiles, such as those of a fleet';
const usage = `Usage: ralloc merge -o FILE PROFILE...

Sums up profiles into one. Their order and grouping do not matter: merges of merges give the same bytes.
Pass each profile only once, or it counts twice; gzipped ones are read too. How memory changed over time is kept for processes, and not for
lines.

  -o, --output FILE   where to write the sum; a profile that is there is replaced when all have been read

Example: ralloc merge -o fleet.jsonl profiles/*.jsonl`;

const OPTIONS = { output: { type: 'string', short: 'o' } };

/** Throws if a file is given twice: the sum would be wrong, and nothing would show it. */
function checkOnce(files) {
  const seen = new Map();
  for (const file of files) {
    const stats = fs.statSync(file, { throwIfNoEntry: false, bigint: true });
    if (stats === undefined) continue; // reading it will throw a better error
    const key = `${stats.dev}:${stats.ino}`;
    if (seen.has(key)) {
      throw new UsageError(
        `${file} is given twice (also as ${seen.get(key)}): it would count twice`,
      );
    }
    seen.set(key, file);
  }
}

function run({ output }, files) {
  if (output === undefined) throw new UsageError('Say where to write: -o FILE');
  if (files.length === 0) throw new UsageError('Give the profiles to merge');
  checkOnce(files);
  const merged = mergeFiles(files);
  const { profile, repeated } = merged;
  tellDamage(merged);
  for (const file of repeated) {
    tell(
      `ralloc: ${file} has recorders that another of the files has too: what both have counts twice`,
    );
  }
  profile.write(output);
  const { recorders, sites } = profile;
  tell(
    `ralloc: ${output}: ${count(files.length, 'profile')}, ${count(recorders.length, 'recorder')}, ${count(sites.length, 'site')}`,
  );
  return OK;
}

module.exports = { summary, usage, options: OPTIONS, run };
