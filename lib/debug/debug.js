'use strict';

// The way in. What is required here for its effect turns itself on and off by onLevel().

const { checkOn, configure, onLevel, start } = require('./settings.js');
const { restart } = require('./watch/sampling.js');

/** Changes the options that are given, and leaves the others as they are. */
function configureDebug(options) {
  configure(options);
  restart();
}

/** Looks now at all bytes that nobody should have written to, and for Buffers that are kept; how much of it was. */
function verify() {
  checkOn('verify()');
  return require('./watch/watch.js').verify();
}

/** What is taken and not given back now. */
function leakReport() {
  checkOn('leakReport()');
  return require('./leaks/leaks.js').leakReport();
}

// Not loaded before they are needed: they take as long as all the rest of ralloc.
onLevel((level) => {
  require('./watch/watch.js').setLevel(level);
  require('./leaks/leaks.js').setLevel(level);
});
start();

module.exports = { configureDebug, leakReport, verify };
