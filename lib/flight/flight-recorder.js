'use strict';

// flightRecorder() and previousExit().

const path = require('node:path');
const check = require('../base/validate.js');
const { begin, end, previousExit } = require('./recorder.js');

const OPTIONS = { dir: check.string };

/** Begins to record this process. */
function flightRecorder(options) {
  const { dir } = check.options(options, OPTIONS);
  const recorder = begin(dir === undefined ? {} : { dir: path.resolve(dir) });
  return { file: recorder?.file, close: end };
}

module.exports = { flightRecorder, previousExit };
