'use strict';

// The way in. What is required here for its effect turns itself on and off by onLevel().

const { lazy } = require('../base/lazy.js');
const { checkOn, configure, onLevel, start } = require('./settings.js');

// They take as long as all the rest of ralloc.
const watching = lazy(() => require('./watch/watch.js'));
const leaks = lazy(() => require('./leaks/leaks.js'));
const sampling = lazy(() => require('./watch/sampling.js'));

/** Changes the options that are given, and leaves the others as they are. */
function configureDebug(options) {
  configure(options);
  sampling().restart();
}

/** Looks now at all bytes that nobody should have written to, and for Buffers that are kept; how much of it was. */
function verify() {
  checkOn('verify()');
  return watching().verify();
}

/** What is taken and not given back now. */
function leakReport() {
  checkOn('leakReport()');
  return leaks().leakReport();
}

onLevel((level) => {
  watching().setLevel(level);
  leaks().setLevel(level);
});
start();

module.exports = { configureDebug, leakReport, verify };
