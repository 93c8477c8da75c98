'use strict';

// ralloc export: a profile for other tools.

const { parseArgs } = require('node:util');
const { linesOf } = require('../report/jsonl.js');
const { mergeFiles } = require('../recorder/merge.js');
const { pprofOf } = require('../report/pprof.js');
const { writeFile } = require('../recorder/write-file.js');
const { OK, UsageError } = require('./exit.js');
const { write } = require('./print.js');
const { tellDamage } = require('./damage.js');

const summary = 'write a profile for pprof, or as lines of JSON';
const usage = `Usage: ralloc export --pprof|--jsonl [-o FILE] PROFILE...

Writes a profile, or the sum of several, for other tools.

  --pprof             for Go's pprof, speedscope, Pyroscope: alloc_space, inuse_space, and labels with the lifetime, size, source and route
  --jsonl             one object per line: recorders, the memory of the process by time, sites, cells; docs/profile-format.md has the fields
  -o, --output FILE   where to write; standard output by default

Examples:
  ralloc export --pprof -o app.pb.gz app.rprof && go tool pprof -http : app.pb.gz
  ralloc export --jsonl app.rprof | jq 'select(.type == "cell" and .event == "ALIVE")'`;

const OPTIONS = {
  pprof: { type: 'boolean', default: false },
  jsonl: { type: 'boolean', default: false },
  output: { type: 'string', short: 'o' },
};

const LINES_A_CHUNK = 4096;

/** Lines in Buffers: one string would have a limit. */
function* chunksOf(lines) {
  let chunk = [];
  for (const line of lines) {
    chunk.push(line);
    if (chunk.length < LINES_A_CHUNK) continue;
    yield Buffer.from(chunk.join(''));
    chunk = [];
  }
  yield Buffer.from(chunk.join(''));
}

/** What the file has, piece by piece. */
function* contentOf(profile, { pprof }) {
  // Of the package pprof-format, bundled; loaded by those alone who want it.
  if (pprof) yield pprofOf(profile, require('./dist/pprof.js'));
  else yield* chunksOf(linesOf(profile));
}

async function run(argv) {
  const { values, positionals } = parseArgs({
    args: argv,
    options: OPTIONS,
    allowPositionals: true,
  });
  if (values.pprof === values.jsonl) throw new UsageError('Say for what: --pprof or --jsonl');
  if (positionals.length === 0) throw new UsageError('Give a profile');
  const { output } = values;
  if (output === undefined && values.pprof && process.stdout.isTTY) {
    throw new UsageError('A terminal cannot show the format of pprof. Say where to write: -o FILE');
  }
  const merged = await mergeFiles(positionals);
  tellDamage(merged);
  const { profile } = merged;
  const content = contentOf(profile, values);
  if (output === undefined) await write(content);
  else
    writeFile(output, content, values.pprof ? 'export for pprof' : 'export as lines', 'The export');
  return OK;
}

module.exports = { summary, usage, run };
