'use strict';

// `ralloc.profiler`: the recorder for production. lib/profiler.js loads it when it is started.

const path = require('node:path');
const { lazy } = require('../../lib/base/lazy.js');
const validate = require('../../lib/base/validate.js');
const { BUDGETS } = require('./budget.js');
const { defaultFile, readers } = require('./options.js');
const { latestSession, record, warnStopped } = require('./session.js');

const profiles = lazy(() => require('./profile.js'));
const snapshots = lazy(() => require('./snapshots.js'));

/** A sum that an agent may keep for months: without what memory the process had in each slot. */
const sum = () =>
  new (class extends profiles().Profile {
    addProcess() {}
  })();

/** Used instead of a file: keeps the sum of the recording in memory. */
class Kept {
  profile = sum();

  write(block) {
    this.profile.addBytes(block);
  }

  /** Like Writer.turn(); memory always has room. */
  turn() {
    return false;
  }

  close() {}
}

let session;
let file;
let kept;

const profiler = {
  /**
   * Starts recording this thread. Returns the file that it appends to, or null if the recording is
   * kept in memory.
   */
  start(options) {
    const given = validate.options(options, readers);
    const name = given.file === null ? null : path.resolve(given.file ?? defaultFile());
    const memory = name === null ? new Kept() : undefined;
    const recorded = { budget: BUDGETS.production, ...given, file: name, writer: memory };
    session = record(recorded, warnStopped);
    file = name;
    kept = memory;
    return file;
  },

  /** The Profile in memory so far; undefined if the recording goes to a file. */
  recorded() {
    if (kept !== undefined) session.flush();
    return kept?.profile;
  },

  /**
   * Writes a heap snapshot of V8, in which `ralloc holders` finds the recorded sites; returns the
   * file.
   */
  snapshot(name) {
    const { newName, writeSnapshot } = snapshots();
    if (name !== undefined) readers.file(validate.string(name, 'file'), 'file');
    const running = latestSession();
    running?.session.flush();
    return writeSnapshot(name === undefined ? newName(running?.file) : path.resolve(name));
  },

  /**
   * Ends the recording: writes what is alive, and restores Node's functions. Returns the file, or
   * undefined if there was none.
   */
  stop() {
    if (session === undefined || session.isOver) return undefined;
    session.end();
    return file;
  },
};

module.exports = { profiler };
