'use strict';

// Tests of what Windows does not have: one way for each thing. Elsewhere they run, and there they are skipped by a title that names it.

const { testWhere } = require('./backend.js');

const isWindows = process.platform === 'win32';
const needing = (what) => (title, body, run) => testWhere(!isWindows, what, title, body, run);

module.exports = {
  /** A process that sends itself SIGINT ends there. */
  needsInterrupt: needing('a process that interrupts itself'),
  /** Files are opened there until memory ends. */
  needsFileLimit: needing('a limit of open files'),
};
