'use strict';

// Warnings, once per cause and process: `process.on('warning', ({ code }) => ...)` tells them
// apart.

const process = require('node:process');
const { attempt } = require('./attempt.js');
const { lazy } = require('./lazy.js');

/**
 * Loaded at the first warning. Where no file can be opened any more, the code is all there is to
 * say.
 */
const texts = lazy(() => require('./warning-texts.js'));

const textOf = (code, detail) => attempt(texts, {})[code]?.(detail) ?? code;

const warnedCodes = new Set();
const warnedCauses = {}; // code -> a WeakSet of objects that were causes

/** Warns once for each `cause`; by default once for each code. */
function warnOnce(code, detail, cause = code) {
  if (typeof cause !== 'string') warnedCauses[code] ??= new WeakSet();
  const before = typeof cause === 'string' ? warnedCodes : warnedCauses[code];
  if (before.has(cause)) return;
  before.add(cause);
  process.emitWarning(textOf(code, detail), { type: 'RallocWarning', code });
}

/**
 * Emits the warning at once: when the process exits, there is no later tick in which Node would.
 */
function warnNow(code, detail) {
  const warning = new Error(textOf(code, detail));
  process.emit('warning', Object.assign(warning, { name: 'RallocWarning', code }));
}

module.exports = { warnOnce, warnNow };
