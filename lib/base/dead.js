'use strict';

// Views whose memory is gone: how they are told from empty ones, and what is known of how it went.

const { deadError } = require('./errors.js');
const { kHolder } = require('./protocol.js');

const { isAnyArrayBuffer } = require('node:util').types;
// Not on Node 20.
const detached = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'detached')?.get;

/** Whether `ab`, which has no bytes, had some once. */
function isDetached(ab) {
  if (!(ab instanceof ArrayBuffer) && !isAnyArrayBuffer(ab)) return false;
  try {
    if (detached !== undefined) return detached.call(ab);
    return new Uint8Array(ab) === null; // of a detached one none can be made
  } catch {
    return detached === undefined;
  }
}

/** Throws where `ab`, of argument `name`, has no bytes because it is detached. */
function checkAlive(ab, name) {
  if (ab.byteLength === 0 && isDetached(ab)) throw deadError(name, ab[kHolder]?.death);
}

module.exports = { checkAlive };
