'use strict';

// `ralloc export`: writes a profile for other tools.

const { mergeFiles } = require('../recorder/merge.js');
const { writeFile } = require('../recorder/write-file.js');
const { OK, UsageError } = require('./exit.js');
const { write } = require('./print.js');
const { tellDamage } = require('./damage.js');

const summary = 'write a profile for pprof';
const usage = `Usage: ralloc export --pprof [-o FILE] PROFILE...

Writes a profile, or the sum of several, for other tools. Databases and jq read the profile itself, which is lines of JSON: docs/reference/profile-format.md.

  --pprof             for Go's pprof, speedscope, Pyroscope: alloc_space, inuse_space, and labels with the lifetime, size, source and route
  -o, --output FILE   where to write; standard output by default

Example: ralloc export --pprof -o app.pb.gz app.jsonl && go tool pprof -http : app.pb.gz`;

const OPTIONS = {
  pprof: { type: 'boolean', default: false },
  output: { type: 'string', short: 'o' },
};

function check(values, positionals) {
  if (!values.pprof) throw new UsageError('Say for what: --pprof');
  if (positionals.length === 0) throw new UsageError('Give a profile');
  if (values.output === undefined && process.stdout.isTTY) {
    throw new UsageError('A terminal cannot show the format of pprof. Say where to write: -o FILE');
  }
}

async function run(values, files) {
  check(values, files);
  const { output } = values;
  const merged = mergeFiles(files);
  tellDamage(merged);
  const content = require('./pprof.js').pprofOf(merged.profile);
  if (output === undefined) await write([content]);
  else writeFile(output, content, 'export for pprof', 'The export');
  return OK;
}

module.exports = { summary, usage, options: OPTIONS, run };
