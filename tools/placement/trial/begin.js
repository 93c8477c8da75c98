'use strict';

// Begins the trial of a table in this thread.

const fs = require('node:fs');
const path = require('node:path');
const process = require('node:process');
const { warnOnce } = require('../../../lib/base/warnings.js');
const { checkProofs } = require('../proofs.js');
const { readOwnTable } = require('../../../lib/site/table-file.js');
const { Signals } = require('../../../lib/flight/signals.js');
const { editsOf } = require('./edits.js');
const notes = require('./notes.js');
const { give, variablesOf } = require('../../../lib/auto/options.js');
const { linesOf, sumOf } = require('./summary.js');
const { Trial } = require('./trial.js');

/** The plan of a table's file. Throws if the table is wrong. */
function planOf({ file, ...options }) {
  const table = readOwnTable(file);
  checkProofs(table, file);
  return editsOf(table, { folder: path.dirname(file), ...options });
}

/**
 * Writes the summary to standard error, synchronously, because at the end of a process nothing else
 * would be written.
 */
function tell(note) {
  const lines = linesOf(sumOf([note])).map((line) => `${line}\n`);
  try {
    fs.writeSync(2, lines.join(''));
  } catch {
    // The pipe is full or closed.
  }
}

/**
 * A worker counts for the main thread, with that thread's sites, even if the table has changed
 * since.
 */
function beginInWorker({ plan, shared }) {
  new Trial(plan, shared).start();
}

/** Says that a table which nobody has named changes code, once for a process and its children. */
function tellFound({ file, isNamed, notes: folder, told }, { files }) {
  if (isNamed || folder !== undefined || told === file || files.size === 0) return;
  Object.assign(process.env, variablesOf({ told: file }));
  const edits = [...files.values()].reduce((sum, one) => sum + one.edits.length, 0);
  warnOnce('RALLOC_TABLE_FOUND', { file, edits, files: files.size });
}

function begin(options) {
  const plan = planOf(options);
  tellFound(options, plan);
  const trial = new Trial(plan);
  // First, because Node 20's thread for hooks starts with the environment data of this moment.
  give({ plan, shared: trial.shared });
  trial.start();
  const { notes: folder } = options;
  if (folder !== undefined) notes.begin(folder, process.pid);
  trial.onEnd = () => {
    const { note } = trial;
    if (folder === undefined || !notes.end(folder, process.pid, note)) tell(note);
  };
  new Signals(() => trial.end()).start();
}

/** Begins a trial; if that fails, the program runs unchanged. */
function beginTrial(options) {
  try {
    begin(options);
  } catch (error) {
    const { notes: folder } = options;
    if (folder !== undefined) notes.end(folder, process.pid, { failed: error.message });
    warnOnce('RALLOC_TRIAL_OFF', error);
  }
}

module.exports = { beginInWorker, beginTrial };
