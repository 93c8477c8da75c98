'use strict';

// `ralloc.profiler`: the recorder for production. It is loaded when it is started; an application that only may start it pays nothing.

const path = require('node:path');
const validate = require('../base/validate.js');
const { BUDGETS, defaultFile, readers } = require('./options.js');
const { warnStopped } = require('./stopped.js');

let session;
let file;

const profiler = {
  /** Records this thread from now on; returns the file that it appends to. */
  start(options) {
    const given = validate.options(options, readers);
    const { record } = require('./record.js');
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
