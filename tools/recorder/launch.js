'use strict';

// Records this thread from its start to its end.

const { isMainThread } = require('node:worker_threads');
const { optionsHere } = require('./options.js');
const { passOn } = require('./pass-on.js');
const { Patches } = require('../../lib/base/patches.js');
const { record } = require('./record.js');
const runNotes = require('./run-notes.js');
const { Signals } = require('../../lib/auto/signals.js');
const { isStarter } = require('../../lib/auto/starters.js');
const { warnStopped } = require('./stopped.js');

/** Throws when the first process of a run cannot record. Its threads and children warn and go on: the application is at work already. */
function launch() {
  if (isMainThread && isStarter()) return;
  const options = optionsHere();
  const onFailure = (error) => {
    runNotes.stop(options.notes, error);
    warnStopped(error);
  };
  try {
    const { notes, hidden, ...recorded } = options;
    const session = record(recorded, onFailure, () => runNotes.end(notes));
    if (isMainThread) runNotes.begin(notes); // workers end with no word as a rule
    passOn(options, new Patches());
    if (isMainThread) new Signals(() => session.end()).start();
  } catch (error) {
    if (!options.append) throw error;
    onFailure(error);
  }
}

module.exports = { launch };
