'use strict';

// Debug mode in a process of tests: what is reported while a test runs. Tests that use it are serial.

const { configureDebug } = require('../../lib/index.js');
const { listen, tellWaiting } = require('../../lib/debug/report.js');

const lineOf = (trace) => trace?.top?.line;

/** `full`, and all reports as a list, from now on; `t.teardown` ends both. `dropped`: also of what tests do not close. */
function watched(t, { dropped = false, ...options } = {}) {
  const reports = [];
  const stop = listen((report) => {
    if (dropped || report.kind !== 'not-closed') reports.push(report);
  });
  const ignore = () => {};
  process.on('warning', ignore);
  configureDebug({ level: 'full', ...options });
  t.teardown(() => {
    stop();
    process.off('warning', ignore);
    configureDebug({ level: 'off', sampleEvery: 128, report: null });
  });
  return reports;
}

/** The line above this call. */
function lineAbove() {
  const [, , line] = new Error().stack.split('\n');
  return Number(/:(\d+):\d+\)?$/.exec(line)[1]) - 1;
}

/** Of all that was reported until now. */
function kinds(reports) {
  tellWaiting();
  return reports.map(({ kind }) => kind);
}

module.exports = { kinds, lineAbove, lineOf, watched };
