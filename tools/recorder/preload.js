'use strict';

// The module `ralloc/profile`, loaded before the application by `node --import ralloc/profile
// app.js` or by `ralloc profile`: records this thread from its start to its end.

const path = require('node:path');
const process = require('node:process');
const { isMainThread } = require('../../lib/base/runtime.js');

/**
 * Throws if the first process of a run cannot record. Its threads and children only warn, because
 * the application is already running.
 */
function launch() {
  const { isStarter } = require('../../lib/auto/package-managers.js');
  if (isMainThread && isStarter()) return;
  const { optionsHere, passOn } = require('./options.js');
  const runNotes = require('./run-notes.js');
  const { record, warnStopped } = require('./session.js');
  const { Signals } = require('../../lib/flight/signals.js');
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
    if (isMainThread) new Signals(() => session.end(true)).start();
  } catch (error) {
    if (!options.append) throw error;
    onFailure(error);
  }
}

/**
 * If --permission forbids something, the threads and children of a run warn and continue without a
 * recorder.
 */
function tellDenied(cause) {
  const root = path.join(__dirname, '..', '..');
  const message = `the profiler may not be read, by --permission, and records nothing of this process. Start it with --allow-fs-read=${root}`;
  if (process.env.RALLOC_PROFILE_APPEND !== '1') throw new Error(message, { cause });
  process.emitWarning(message, { type: 'RallocWarning', code: 'RALLOC_PROFILE_STOPPED' });
}

try {
  launch();
} catch (error) {
  if (error.code !== 'ERR_ACCESS_DENIED' || error.permission !== 'FileSystemRead') throw error;
  tellDenied(error);
}
