'use strict';

// `ralloc merge`: adds up profiles to one, or to a file of pprof.

const path = require('node:path');
const { formatBytes } = require('../../lib/base/bytes.js');
const { mergeFiles } = require('../recorder/profile.js');
const { writeFile } = require('../recorder/write-file.js');
const { OK, UsageError, count, tell } = require('./print.js');

const summary = 'add up profiles, such as those of a fleet';
const usage = `Usage: ralloc merge [--pprof] -o FILE PROFILE...

Adds up profiles, also gzipped ones and merged ones. Their order does not
matter. Memory over time is kept for processes, and not for lines.

  -o, --output FILE   the file to write; replaces an earlier profile
      --pprof         for Go's pprof, speedscope and Pyroscope: alloc_space,
                      inuse_space, and labels with lifetime, size, source and
                      route

Example: ralloc merge -o fleet.jsonl profiles/*.jsonl
         ralloc merge --pprof -o app.pb.gz app.jsonl
         go tool pprof -http : app.pb.gz

Exit codes: 0 done, 1 if a file cannot be read or written, 2 wrongly called.`;

function* faultsOf({ profile, told, repeated }) {
  for (const { file, skipped, nonsense } of told) {
    if (skipped > 0)
      yield `${file}: ${formatBytes(skipped)} skipped that ${skipped === 1 ? 'is' : 'are'} of no whole line. A killed process leaves one at the end; elsewhere the file is damaged`;
    if (nonsense > 0)
      yield `${file}: ${count(nonsense, 'line')} left out that make${nonsense === 1 ? 's' : ''} no sense: another program wrote there`;
  }
  if (profile.lost > 0)
    yield `${count(profile.lost, 'block')} of recorders ${profile.lost === 1 ? 'is' : 'are'} missing in the midst of the files: what they told is in no sum`;
  for (const file of repeated)
    yield `${file} has recorders that another file has too: what both have counts twice`;
}

/**
 * `{ profile, files }`: the sum of these files, each of which counts once. Tells their faults.
 * Throws what Profile.read() throws.
 */
function readProfiles(given) {
  const files = [...new Map(given.map((file) => [path.resolve(file), file])).values()];
  const merged = mergeFiles(files);
  for (const fault of faultsOf(merged)) tell(`ralloc: ${fault}`);
  return { profile: merged.profile, files };
}

function run({ output, pprof }, given) {
  if (output === undefined) throw new UsageError('Say where to write: -o FILE');
  if (given.length === 0) throw new UsageError('Give the profiles to merge');
  const { profile, files } = readProfiles(given);
  if (pprof) {
    const content = require('./pprof.js').pprofOf(profile);
    writeFile(output, content, 'export for pprof', 'The export');
  } else profile.write(output);
  const recorders = count(profile.recorders.length, 'recorder');
  const sites = count(profile.sites.length, 'site');
  tell(`ralloc: ${output}: ${count(files.length, 'profile')}, ${recorders}, ${sites}`);
  return OK;
}

module.exports = { readProfiles, summary, usage, run };
