'use strict';

// `ralloc trial -- node app.js`: runs the application as if `ralloc apply` had changed it, without changing its sources, and tells the result. With `--load COMMAND` it
// compares a server with and without its lines changed, in fresh processes that alternate, each under the same load.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { text } = require('node:stream/consumers');
const { setTimeout: sleep } = require('node:timers/promises');
const notes = require('../../lib/auto/notes.js');
const { TABLE, variablesOf } = require('../../lib/auto/options.js');
const { linesOf, sumOf } = require('../../lib/auto/trial-summary.js');
const { counted } = require('../../lib/auto/format.js');
const { checkProofs, isProved } = require('../../lib/auto/proofs.js');
const { attempt } = require('../../lib/base/attempt.js');
const { readOwnTable } = require('../../lib/site/table-file.js');
const { lostText, startApplication, whyNothing, withFolder, withNotes } =
  require('./application.js');
const { MOST_BLOCKS, costOf, gainLines } = require('../placement/trial/gain.js');
const { nodeOptions } = require('../recorder/options.js');
const { writeFile } = require('../recorder/write-file.js');
const { FAILED, OK, UsageError, tell } = require('./print.js');

const HOW = { verb: 'trial', preload: require.resolve('../../lib/auto/preload.js') };
const MEASURE = require.resolve('../placement/trial/measure.js');
const POLL_MS = 50;
/** How long to wait for one more row after the load: rows are written ten times a second. */
const LAST_ROW_MS = 150;

const summary = 'run an application as "ralloc apply" would change it, and report';
const usage = `Usage: ralloc trial [options] -- COMMAND [arguments]

Runs an application as "ralloc apply" would change it: its files are changed
while they are loaded, and the sources stay as they are. At the end it reports
which lines used the arena of their request, and which of their Buffers were
used or kept after it. COMMAND is node with a program, or anything that starts
one: ralloc trial -- npm start.

  -t, --table FILE    the table (default: ${TABLE}); one that
                      proves nothing ends the trial at once
      --alloc         also Buffer.alloc, which zeroes its bytes
      --any-size      also Buffers so small that Node has a pool for them
      --suggested     also lines that the table only suggests: too few samples
                      prove them, or some outlived their request
      --package NAME  also that package; may be given several times
      --load COMMAND  also says what it gains: a server is started as it is and
                      changed, in turn, and COMMAND run when it listens. A load
                      that reaches no line of the table ends it after one run
      --blocks N      how often each of the two runs, 2 to ${MOST_BLOCKS} times
                      (default: 6)

      --json FILE     also writes the result there, as JSON

Example: ralloc trial --load 'npx autocannon localhost:3000' -- node app.js

Signals are passed on, and SIGKILL follows if SIGTERM has not ended the
application within 15 s.

Exit codes: the application's; 1 if that is 0 and no line was active, or the
table is not valid; 127 if there is no such program, 126 if it cannot be
started, 2 wrongly called.`;

/** Writes the result as JSON: the counts of each line, and what each block cost. */
function writeJson(file, { sites, mounts, resets }, { lost, failed, blocks }) {
  const lines = sites.map(({ key, state, ...counts }) => counts);
  const told = { lines, mounts, resets, lost, failed: [...failed], blocks };
  writeFile(file, [JSON.stringify(told, null, 2), '\n'], 'result of a trial', 'The result');
}

/** Tells the result; returns whether a line was active. `blocks`: what was measured. */
function conclude(command, { file, notes: folder }, { json, blocks = [] }) {
  const { notes: all, lost } = notes.readAll(folder);
  const told = all.filter(({ failed }) => failed === undefined);
  const failed = new Set(all.flatMap((note) => note.failed ?? []));
  const sum = sumOf(told);
  if (told.length > 0) for (const line of linesOf(sum)) tell(line);
  for (const why of failed) tell(`ralloc: trial: a process ran as it is: ${why}`);
  if (lost > 0) tell(`ralloc: trial: ${lostText(lost)}`);
  if (all.length === 0 && lost === 0) {
    const needs = { reads: [path.dirname(file)], writes: [path.dirname(folder)] };
    tell(`ralloc: trial: No process told of one: ${whyNothing(command, 'trial', needs)}`);
  }
  if (json !== undefined) writeJson(json, sum, { lost, failed, blocks });
  return sum.sites.some(({ allocated }) => allocated > 0);
}

const failed = (message) => Object.assign(new Error(message), { code: 'ERR_TRIAL_LOAD' });

/** Process → its rows. The last row may be incomplete. */
function rowsIn(folder) {
  const each = fs.readdirSync(folder).map((pid) => {
    const lines = fs.readFileSync(path.join(folder, pid), 'utf8').split('\n').slice(0, -1);
    return [Number(pid), lines.map((line) => JSON.parse(line))];
  });
  return new Map(each.filter(([, rows]) => rows.length > 0));
}

/** Runs the load through the shell; if it fails, rejects with the end of its output. */
async function put(load, signal) {
  const child = spawn(load, { shell: true, stdio: ['ignore', 'ignore', 'pipe'], signal });
  const [words, [code, killed]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  const how = killed ?? `exit code ${code}`;
  if (code !== 0) throw failed(`The load ended with ${how}: ${load}\n${words.slice(-1000).trim()}`);
}

/** Ends the serving processes by their ids, because a shell or npm in between does not pass signals on. */
function stop(application, folder) {
  const others = [...rowsIn(folder).keys()].filter((pid) => pid !== application.pid);
  for (const pid of others) attempt(() => process.kill(pid, 'SIGTERM'));
  application.stop();
}

/** The cost of one run: see costOf(). `env`: of the application; `folder`: for the rows. */
async function runOnce(command, env, how, load, folder) {
  const all = { ...env, RALLOC_TRIAL_ROWS: folder };
  all.NODE_OPTIONS = nodeOptions(env.NODE_OPTIONS, MEASURE);
  const application = startApplication(command, all, { ...how, stdout: 'ignore' });
  const end = new AbortController();
  const { signal } = end;
  // If the application ends early, for example by Ctrl-C, nothing can be measured any more.
  const early = application.ended.then(({ code }) => {
    end.abort();
    throw failed(`The application ended with exit code ${code} before the load was over`);
  });
  const measured = async () => {
    while (rowsIn(folder).size === 0) await sleep(POLL_MS, undefined, { signal });
    const from = Date.now();
    await put(load, signal);
    const to = Date.now();
    await sleep(LAST_ROW_MS);
    const cost = costOf([...rowsIn(folder).values()], from, to);
    if (cost !== undefined) return cost;
    throw failed(`The load was over too soon to measure: ${load}. Let it take some seconds`);
  };
  try {
    return await Promise.race([early, measured()]);
  } finally {
    stop(application, folder);
    await application.ended.catch(() => {});
  }
}

/** Why nothing of a table would be tried; undefined if something would. */
function whyUntried({ sites }, { suggested: isSuggested }, table) {
  const lines = sites.filter(({ strategy }) => strategy === 'request');
  if (lines.length === 0)
    return `${table} has no line whose Buffers die with their request: there is nothing to try`;
  if (isSuggested || lines.some(isProved)) return undefined;
  return `${table} proves nothing: ${counted(lines.length, 'line')} ${lines.length === 1 ? 'is' : 'are'} only suggested, by too few samples. Record with a smaller --rate or for longer, and bake again, or try them with --suggested`;
}

/** Whether a line of the table was reached in a request, by the notes of the first changed run. */
const isReached = (folder) => {
  const told = notes.readAll(folder).notes.filter(({ failed: why }) => why === undefined);
  return sumOf(told).sites.some(({ inside }) => inside > 0);
};

/** Measures what the environment `changed` gains. Rejects if nothing could be measured. Ends after the first run if the load reaches no line of the table: the two would be the same. */
async function measureGain(command, changed, { load, count }, folder) {
  const arms = [
    ['changed', changed, HOW],
    ['plain', process.env, { verb: HOW.verb }],
  ];
  const blocks = [];
  for (let number = 1; number <= count; number++) {
    tell(`ralloc: trial: block ${number} of ${count}`);
    const block = {};
    for (const [arm, env, started] of arms) {
      block[arm] = await withFolder('rows', (rows) => runOnce(command, env, started, load, rows));
      if (number > 1 || arm === 'plain' || isReached(folder)) continue;
      tell(
        'ralloc: trial: The load reaches no line of the table in a request, so nothing is measured',
      );
      return { code: OK, end: () => {} };
    }
    blocks.push(block);
    arms.reverse(); // so that drift affects both
  }
  for (const line of gainLines(blocks)) tell(`ralloc: trial: ${line}`);
  return { code: OK, end: () => {}, blocks };
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
  const read = readOwnTable(table);
  checkProofs(read, table);
  const why = whyUntried(read, values, table);
  if (why !== undefined) {
    tell(`ralloc: trial: ${why}`);
    return FAILED;
  }
  return withNotes('trial', async (folder) => {
    const { alloc: isAlloc, 'any-size': isAnySize, suggested: isSuggested } = values;
    const flags = { isAlloc, isAnySize, isSuggested };
    const file = path.resolve(table);
    const options = { ...flags, file, packages: values.package ?? [], notes: folder };
    // variablesOf() sets all variables, so that earlier values do not matter.
    const env = { ...process.env, ...variablesOf(options) };
    const ended = load
      ? await measureGain(command, env, load, folder)
      : await startApplication(command, env, HOW).ended;
    const { blocks } = ended;
    return { ...ended, isWhole: conclude(command, options, { json: values.json, blocks }) };
  });
}

module.exports = { summary, usage, startsApplication: true, run };
