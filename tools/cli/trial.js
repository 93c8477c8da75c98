'use strict';

// `ralloc trial -- node app.js`: the application as `ralloc apply` would make it, with its sources as they are, and what came of it.

const path = require('node:path');
const notes = require('../../lib/auto/notes.js');
const { TABLE, variablesOf } = require('../../lib/auto/options.js');
const { linesOf, sumOf } = require('../../lib/auto/trial-summary.js');
const { checkProofs } = require('../../lib/auto/proofs.js');
const { readOwnTable } = require('../../lib/site/table-file.js');
const { lostText, readCommand, runApplication, withNotes } = require('./application.js');
const { FAILED } = require('./exit.js');
const { whyNothing } = require('./nothing.js');
const { tell } = require('./print.js');

const PRELOAD = path.join(__dirname, '..', '..', 'lib', 'auto', 'preload.js');

const usage = `Usage: ralloc trial [options] -- COMMAND [arguments]

Runs an application as "ralloc apply" would change it: its files are changed while they are loaded, and the sources stay as they are.
At the end it reports which lines used the arena of their request, and which of their Buffers were used or kept after it. COMMAND is node with a program, or anything that starts one, such as npm: ralloc trial -- npm start.

  -t, --table FILE    the table (default: ${TABLE})
      --alloc         also Buffer.alloc, which zeroes its bytes
      --any-size      also Buffers so small that Node has a pool for them
      --suggested     also lines that the table only suggests: too few samples prove them, or some outlived their request
      --package NAME  also that package of node_modules; may be given several times

Signals are passed on, and SIGKILL follows where SIGTERM has not ended the application within 15 s. The exit code is that of the
application, or 1 if that is 0 and nothing could be tried.
Without the command: node --require ralloc/auto app.js`;

const OPTIONS = {
  table: { type: 'string', short: 't', default: TABLE },
  alloc: { type: 'boolean', default: false },
  'any-size': { type: 'boolean', default: false },
  suggested: { type: 'boolean', default: false },
  package: { type: 'string', multiple: true, default: [] },
};

function optionsOf({ table, alloc, 'any-size': anySize, suggested, package: packages }, folder) {
  return {
    file: path.resolve(table),
    isAlloc: alloc,
    isAnySize: anySize,
    isSuggested: suggested,
    packages,
    notes: folder,
  };
}

/** Says what came of it; returns whether there was a trial at all. */
function conclude(command, { file, notes: folder }) {
  const { notes: all, lost } = notes.readAll(folder);
  const told = all.filter(({ failed }) => failed === undefined);
  const failed = new Set(all.map((note) => note.failed));
  failed.delete(undefined);
  if (told.length > 0) for (const line of linesOf(sumOf(told))) tell(line);
  for (const why of failed) tell(`ralloc: trial: a process ran as it is: ${why}`);
  if (lost > 0) tell(`ralloc: trial: ${lostText(lost)}`);
  if (told.length > 0 || failed.size > 0 || lost > 0) return told.length > 0;
  const { why, isFailure } = whyNothing({
    command,
    options: process.env.NODE_OPTIONS,
    verb: 'trial',
    reads: [path.dirname(file)],
    writes: [path.dirname(folder)],
  });
  tell(`ralloc: trial: No process told of one: ${why}`);
  return !isFailure;
}

async function tryOut(command, options) {
  const ended = await runApplication(
    command,
    { ...process.env, ...variablesOf(options) }, // all of them, whatever was there before
    { verb: 'trial', preload: PRELOAD },
  );
  return { ...ended, isTried: conclude(command, options) };
}

async function run(argv) {
  const { command, values } = readCommand('trial', argv, OPTIONS);
  checkProofs(readOwnTable(values.table), values.table);
  const { code, isTried, end } = await withNotes('trial', (folder) =>
    tryOut(command, optionsOf(values, folder)),
  );
  end();
  return code === 0 && !isTried ? FAILED : code;
}

module.exports = {
  summary: 'run an application as "ralloc apply" would change it, and say what came of it',
  usage,
  run,
};
