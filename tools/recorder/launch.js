'use strict';

// Records this thread from its start to its end.

const { isMainThread } = require('node:worker_threads');
const { optionsHere, passOn } = require('./options.js');
const runNotes = require('./run-notes.js');
const { record, warnStopped } = require('./session.js');
const { Signals } = require('../../lib/auto/signals.js');
const { isStarter } = require('../../lib/auto/starters.js');

/** Throws if the first process of a run cannot record. Its threads and children only warn, because the application is already running. */
function launch() {
  if (isMainThread && isStarter()) return;
  const options = optionsHere();
  const onFailure = (error) => {
    runNotes.stop(options.notes, error);
    warnStopped(error);
  };
  try {
    const { notes, ...recorded } = options;
    const session = record(recorded, onFailure, () => runNotes.end(notes));
    if (isMainThread) runNotes.begin(notes); // workers usually end without leaving a note
    passOn(options);
    if (isMainThread) new Signals(() => session.end()).start();
  } catch (error) {
    if (!options.append) throw error;
    onFailure(error);
  }
}

module.exports = { launch };
