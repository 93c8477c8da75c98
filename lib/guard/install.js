'use strict';

// The guard: Node's functions that use a Buffer after they returned hold its memory until they are done. They are
// wrapped once in a thread, by the first copy of ralloc that is asked to, and stay so.

const { syncBuiltinESMExports } = require('node:module');
const stream = require('node:stream');
const { kGuard } = require('../base/protocol.js');
const { guardFiles } = require('./fs.js');
const { guardStreams } = require('./stream.js');

/** Whether RALLOC_GUARD=off leaves Node as it is. Deno lets nobody read it without --allow-env. */
function isOff() {
  try {
    return process.env.RALLOC_GUARD === 'off';
  } catch {
    return false;
  }
}

/** Wraps Node's functions, where that is wanted and was not done before. Returns whether they are wrapped. */
function install(wanted = true) {
  if (!wanted || isOff()) return false;
  if (stream[kGuard] === true) return true;
  guardStreams();
  guardFiles();
  syncBuiltinESMExports();
  Object.defineProperty(stream, kGuard, { value: true });
  return true;
}

module.exports = { install };
