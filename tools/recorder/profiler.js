'use strict';

// `ralloc.profiler`: the recorder for production. lib/profiler.js loads it when it is started.

const path = require('node:path');
const validate = require('../../lib/base/validate.js');
const { BUDGETS, defaultFile, readers } = require('./options.js');
const { record } = require('./record.js');
const { warnStopped } = require('./stopped.js');

let session;
let file;

const profiler = {
  /** Records this thread from now on; returns the file that it appends to. */
  start(options) {
    const given = validate.options(options, readers);
    const checked = {
      budget: BUDGETS.production,
      ...given,
      file: path.resolve(given.file ?? defaultFile()),
    };
    session = record(checked, warnStopped);
    file = checked.file;
    return file;
  },

  /** Ends it: what is alive is told, Node's functions are as before. Returns the file, or undefined where none was being written. */
  stop() {
    if (session === undefined || session.isOver) return undefined;
    session.end();
    return file;
  },
};

module.exports = { profiler };
