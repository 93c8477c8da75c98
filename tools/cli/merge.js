'use strict';

// `ralloc merge`: adds up profiles to one, or to a file of pprof.

const { writeFile } = require('../recorder/write-file.js');
const { OK, UsageError } = require('./exit.js');
const { count, tell } = require('./print.js');
const { readProfiles } = require('./profiles.js');

const summary = 'sum up profiles, such as those of a fleet';
const usage = `Usage: ralloc merge [--pprof] -o FILE PROFILE...

Sums up profiles into one. Their order and grouping do not matter: merges of merges give the same bytes.
Pass each profile only once, or it counts twice; gzipped ones are read too. How memory changed over time is kept for processes, and not for
lines.

  -o, --output FILE   where to write the sum; a profile that is there is replaced when all have been read
      --pprof         for Go's pprof, speedscope, Pyroscope: alloc_space, inuse_space, and labels with the lifetime, size, source and route

Example: ralloc merge -o fleet.jsonl profiles/*.jsonl
         ralloc merge --pprof -o app.pb.gz app.jsonl && go tool pprof -http : app.pb.gz`;

const OPTIONS = {
  output: { type: 'string', short: 'o' },
  pprof: { type: 'boolean', default: false },
};

function run({ output, pprof }, files) {
  if (output === undefined) throw new UsageError('Say where to write: -o FILE');
  if (files.length === 0) throw new UsageError('Give the profiles to merge');
  const profile = readProfiles(files);
  if (pprof) {
    const content = require('./pprof.js').pprofOf(profile);
    writeFile(output, content, 'export for pprof', 'The export');
  } else profile.write(output);
  const { recorders, sites } = profile;
  tell(
    `ralloc: ${output}: ${count(files.length, 'profile')}, ${count(recorders.length, 'recorder')}, ${count(sites.length, 'site')}`,
  );
  return OK;
}

module.exports = { summary, usage, options: OPTIONS, run };
