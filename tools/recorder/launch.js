'use strict';

// Records this thread from its start to its end.

const fs = require('node:fs');
const path = require('node:path');
const process = require('node:process');
const { isMainThread, threadId } = require('node:worker_threads');
const { optionsHere } = require('./options.js');
const { passOn } = require('./pass-on.js');
const { Patches } = require('../../lib/guard/patches.js');
const { record } = require('./record.js');
const { Signals } = require('../../lib/auto/signals.js');
const { isStarter } = require('../../lib/auto/starters.js');
const { warnStopped } = require('./stopped.js');

/** Tells `ralloc profile`, which reads it at the end, by the name of an empty file: that takes no room on a full disk. */
function note(folder, error) {
  if (folder === undefined) return;
  try {
    const code = error?.cause?.code ?? 'FAILED';
    fs.closeSync(fs.openSync(path.join(folder, `${code}-${process.pid}-${threadId}`), 'w'));
  } catch {
    // The folder is gone with the launcher, say.
  }
}

/** Throws when the first process of a run cannot record. Its threads and children warn and go on: the application is at work already. */
function launch() {
  if (isMainThread && isStarter()) return;
  const options = optionsHere();
  const onFailure = (error) => {
    note(options.notes, error);
    warnStopped(error);
  };
  try {
    const { notes, hidden, ...recorded } = options;
    const session = record(recorded, onFailure);
    passOn(options, new Patches());
    if (isMainThread) new Signals(() => session.end()).start();
  } catch (error) {
    if (!options.append) throw error;
    onFailure(error);
  }
}

module.exports = { launch };
