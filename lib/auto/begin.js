'use strict';

// Begins the trial of a table in this thread.

const fs = require('node:fs');
const path = require('node:path');
const process = require('node:process');
const { warnOnce } = require('../base/warnings.js');
const { checkProofs } = require('./proofs.js');
const { readOwnTable } = require('../site/table-file.js');
const { Signals } = require('./signals.js');
const { editsOf } = require('./edits.js');
const notes = require('./notes.js');
const { give } = require('./options.js');
const { linesOf, sumOf } = require('./trial-summary.js');
const { Trial } = require('./trial.js');

/** The plan of a table's file. Throws what is wrong with that. */
function planOf({ file, ...options }) {
  const table = readOwnTable(file);
  checkProofs(table, file);
  return editsOf(table, { folder: path.dirname(file), ...options });
}

/** To standard error: who loads this asks for it, and at the end of a process nothing else would come out. */
function tell(note) {
  const lines = linesOf(sumOf([note])).map((line) => `${line}\n`);
  try {
    fs.writeSync(2, lines.join(''));
  } catch {
    // A pipe that is full, or closed.
  }
}

/** What a worker counts goes to the main thread, with the sites that this has, whatever has become of the table. */
function beginInWorker({ plan, shared }) {
  new Trial(plan, shared).start();
}

function begin(options) {
  const plan = planOf(options);
  const trial = new Trial(plan);
  // First: the thread that Node 20 has for hooks begins with the environment data of now.
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

/** The program is to run as it is, whatever is wrong here. */
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
