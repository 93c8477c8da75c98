'use strict';

// The way in. What is required here for its effect turns itself on and off by onLevel().

const { RallocError } = require('../base/errors.js');
const { lazy } = require('../base/lazy.js');
const { checkOn, configure, onLevel, settings, start } = require('./settings.js');

// Loading these takes as long as loading the rest of ralloc.
const watching = lazy(() => require('./watch/watch.js'));
const leaks = lazy(() => require('./leaks/leaks.js'));
const sampling = lazy(() => require('./watch/sampling.js'));
const audits = lazy(() => require('./audit.js'));

/** Changes the options that are given, and leaves the others as they are. */
function configureDebug(options) {
  configure(options);
  sampling().restart();
}

/**
 * Throws if lists, counts and budgets of the program's open arenas, slabs and regions contradict
 * each other, which is a bug in ralloc.
 */
function auditOpen() {
  const { audit } = audits();
  const open = leaks().stillOpen();
  const found = open.flatMap(({ kind, core }) => (core === undefined ? [] : audit(core, kind)));
  if (found.length > 0) throw new RallocError('ERR_RALLOC_CORRUPTED', found.join('; '));
}

/**
 * Checks all bytes that must not be written to, and looks for kept Buffers, now. Returns how many
 * problems it found.
 */
function verify() {
  checkOn('verify()');
  const found = watching().verify();
  if (settings.level === 'full') auditOpen();
  return found;
}

/** What is taken and not given back at this moment. */
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
