'use strict';

// `ralloc profile -- node app.js`: runs the application with a recorder in each of its threads and
// children. All of them write one file.

const fs = require('node:fs');
const path = require('node:path');
const { formatBytes } = require('../../lib/base/bytes.js');
const { lostText, startApplication, whyNothing, withNotes } = require('./application.js');
const { tell } = require('./print.js');
const { PRELOAD, VARIABLES, defaultFile, variablesOf } = require('../recorder/options.js');
const runNotes = require('../recorder/run-notes.js');
const { SLOT_MS } = require('../recorder/buckets.js');
const { filesAfter, prepare } = require('../recorder/writer.js');
const { keepPeak, mergeFiles } = require('../recorder/profile.js');

const summary = 'run an application and record which lines allocate its Buffers';
const usage = `Usage: ralloc profile [options] -- COMMAND [arguments]

Runs an application and records which lines allocate its Buffers, and how long
these live. COMMAND is node with a program, or anything that starts one:
ralloc profile -- npm start. Threads, clusters and child processes are recorded
too. To see the profile: ralloc report FILE

  -o, --output FILE      the file to write; replaces an earlier profile
                         (default: ralloc-DATE-TIME-PID.jsonl)
      --budget PERCENT   of each thread's CPU time, for recording (default: 2)
      --rate BYTES       mean bytes between two samples, fixed, such as 64k; by
                         default the rate adapts to the budget
      --max-bytes BYTES  of a file, at least 16m; recording continues in
                         app.2.jsonl, app.3.jsonl …
      --peak             keeps the profile as it was when ArrayBuffers took the
                         most: the report shows what was alive then
      --snapshot-above BYTES    takes a heap snapshot for "ralloc holders" when
                                ArrayBuffers take more, and one at twice as much
      --snapshot-signal SIGNAL  takes one at each such signal of the
                                application, such as SIGUSR2. A snapshot takes
                                many times the heap's memory
      --typed-arrays     also records typed arrays and ArrayBuffers of the
                         application, which makes "new" 2 to 4 times as slow

Passes signals on, and sends SIGKILL 15 s after SIGTERM.

Exit codes: the application's; 1 if that is 0 and the profile is not whole, or
nothing was recorded; 127 if there is no such program, 126 if it cannot be
started, 2 wrongly called.`;

/** The options for the recorders: `--max-bytes` is read as the variable of `maxBytes` is. */
function optionsOf(values, notes) {
  const options = { file: path.resolve(values.output ?? defaultFile()), append: true, notes };
  for (const [option, read] of Object.values(VARIABLES)) {
    const name = option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if ((values[name] ?? false) === false) continue;
    options[option] = values[name] === true || read(values[name], `--${name}`);
  }
  return options;
}

const isEmptyFile = (file) => {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat?.isFile() && stat.size === 0;
};

/** Tells how to see what is in the files. The first of them has this name. */
function tellWhole(name, files) {
  const { recorders } = mergeFiles(files).profile;
  const threads = recorders.length === 1 ? 'one thread' : `${recorders.length} threads`;
  const size = formatBytes(files.reduce((sum, file) => sum + fs.statSync(file).size, 0));
  const [where, how] =
    files.length === 1
      ? [name, `npx ralloc report ${name}`]
      : [`${files.length} files from ${name} on`, 'make one of them, by cat, for ralloc report'];
  tell(`ralloc: Recorded ${threads} in ${where} (${size}). To see it: ${how}`);
}

/**
 * Says what is in the file; returns whether that is all there was to record. `notes`: of the
 * recorders.
 */
function conclude(command, { file, notes, maxBytes }, isPeak) {
  const { stopped, lost } = runNotes.readAll(notes);
  const name = path.relative('', file).startsWith('..') ? file : path.relative('', file);
  if (stopped.length > 0) {
    const codes = [...new Set(stopped)].join(', ');
    const recorders = stopped.length === 1 ? 'a recorder' : `${stopped.length} recorders`;
    const remedy = codes.includes('ENOSPC')
      ? 'Free space on its disk, or name a file on another one (-o FILE), and record again'
      : 'The warning above tells the reason';
    tell(`ralloc: ${name} is not whole: ${recorders} could not go on (${codes}). ${remedy}`);
    return false;
  }
  if (fs.statSync(file, { throwIfNoEntry: false })?.isFile() === false) {
    tell(`ralloc: ${name} is no regular file: what was recorded is not kept`);
    return true;
  }
  if (isEmptyFile(file)) {
    const why = whyNothing(command, 'profile', { writes: [file] });
    tell(`ralloc: Nothing was recorded: ${why}`);
    return false;
  }
  if (lost > 0) tell(`ralloc: ${lostText(lost)}: up to ${SLOT_MS / 1000} s at the end are missing`);
  const files = [file, ...(maxBytes === undefined ? [] : filesAfter(file))];
  const peak = isPeak ? keepPeak(files) : undefined;
  if (peak !== undefined)
    tell(`ralloc: Kept until ArrayBuffers took the most, ${formatBytes(peak)}`);
  tellWhole(name, files);
  return true;
}

async function record(command, options, isPeak) {
  const env = { ...process.env };
  for (const name of Object.keys(VARIABLES)) delete env[name];
  prepare(options.file, options.maxBytes);
  try {
    // Not as an argument: a fork with its own environment would not know the file, and begin
    // another one.
    const how = { verb: 'profile', preload: PRELOAD, asArgument: false };
    const ended = await startApplication(command, { ...env, ...variablesOf(options) }, how).ended;
    // Whatever became of the file, the application ended as it did.
    let isWhole = false;
    try {
      isWhole = conclude(command, options, isPeak);
    } catch (error) {
      tell(`ralloc: What was recorded cannot be read: ${error.message}`);
    }
    return { ...ended, isWhole };
  } finally {
    if (isEmptyFile(options.file)) fs.rmSync(options.file);
  }
}

const run = (values, command) =>
  withNotes('profile', (notes) => record(command, optionsOf(values, notes), values.peak));

module.exports = { summary, usage, startsApplication: true, run };
