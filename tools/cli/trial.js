'use strict';

// `ralloc trial -- node app.js`: runs the application as if `ralloc apply` had changed it, without changing its sources, and tells the result.

const path = require('node:path');
const notes = require('../../lib/auto/notes.js');
const { TABLE, variablesOf } = require('../../lib/auto/options.js');
const { linesOf, sumOf } = require('../../lib/auto/trial-summary.js');
const { checkProofs } = require('../../lib/auto/proofs.js');
const { readOwnTable } = require('../../lib/site/table-file.js');
const { lostText, runApplication, whyNothing, withNotes } = require('./application.js');
const { measureGain } = require('./load.js');
const { MOST_BLOCKS } = require('../placement/trial/gain.js');
const { UsageError, tell } = require('./print.js');

/** How an application with its lines changed is started. */
const HOW = {
  verb: 'trial',
  preload: path.join(__dirname, '..', '..', 'lib', 'auto', 'preload.js'),
};

const usage = `Usage: ralloc trial [options] -- COMMAND [arguments]

Runs an application as "ralloc apply" would change it: its files are changed while they are loaded, and the sources stay as they are.
At the end it reports which lines used the arena of their request, and which of their Buffers were used or kept after it. COMMAND is node with a program, or anything that starts one, such as npm: ralloc trial -- npm start.

  -t, --table FILE    the table (default: ${TABLE})
      --alloc         also Buffer.alloc, which zeroes its bytes
      --any-size      also Buffers so small that Node has a pool for them
      --suggested     also lines that the table only suggests: too few samples prove them, or some outlived their request
      --package NAME  also that package of node_modules; may be given several times
      --load COMMAND  also says what it gains: a server is started as it is and changed, in turn, and COMMAND run when it listens
      --blocks N      how often each of the two runs, 2 to ${MOST_BLOCKS} times (default: 6)

Example: ralloc trial --load 'npx autocannon -d 10 http://localhost:3000' -- node app.js

Signals are passed on, and SIGKILL follows if SIGTERM has not ended the application within 15 s. The exit code is that of the
application, or 1 if that is 0 and nothing could be tried.`;

/** Tells the result; returns whether there was a trial at all. */
function conclude(command, { file, notes: folder }) {
  const { notes: all, lost } = notes.readAll(folder);
  const told = all.filter(({ failed }) => failed === undefined);
  const failed = new Set(all.flatMap((note) => note.failed ?? []));
  if (told.length > 0) for (const line of linesOf(sumOf(told))) tell(line);
  for (const why of failed) tell(`ralloc: trial: a process ran as it is: ${why}`);
  if (lost > 0) tell(`ralloc: trial: ${lostText(lost)}`);
  if (all.length === 0 && lost === 0) {
    const needs = { reads: [path.dirname(file)], writes: [path.dirname(folder)] };
    tell(`ralloc: trial: No process told of one: ${whyNothing(command, 'trial', needs)}`);
  }
  return told.length > 0;
}

/** `{ load, count }`; undefined without a load. */
function loadOf({ load, blocks = '6' }) {
  const count = Number(blocks);
  if (!Number.isInteger(count) || count < 2 || count > MOST_BLOCKS)
    throw new UsageError(`--blocks must be 2 to ${MOST_BLOCKS}. Received "${blocks}"`);
  return load && { load, count };
}

async function run(values, command) {
  const load = loadOf(values);
  const { table = TABLE } = values;
  checkProofs(readOwnTable(table), table);
  return withNotes('trial', async (folder) => {
    const { alloc: isAlloc, 'any-size': isAnySize, suggested: isSuggested } = values;
    const flags = { isAlloc, isAnySize, isSuggested };
    const file = path.resolve(table);
    const options = { ...flags, file, packages: values.package ?? [], notes: folder };
    // variablesOf() sets all variables, so that earlier values do not matter.
    const env = { ...process.env, ...variablesOf(options) };
    const ended = load
      ? await measureGain(command, env, HOW, load)
      : await runApplication(command, env, HOW);
    return { ...ended, isWhole: conclude(command, options) };
  });
}

module.exports = {
  summary: 'run an application as "ralloc apply" would change it, and say what came of it',
  usage,
  startsApplication: true,
  run,
};
