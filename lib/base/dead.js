'use strict';

// Dead views, whose memory was reset, freed or transferred away: tells them from others, and knows
// how they died.

const { isDisabled } = require('./environment.js');
const { deadError } = require('./errors.js');
const { kHolder, kTrial } = require('./protocol.js');
const { FastBuffer } = require('./runtime.js');
const { observing } = require('./observer.js');

const { isAnyArrayBuffer } = require('node:util').types;
// Not on Node 20.
const detached = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'detached')?.get;

/** Whether `ab`, which has no bytes, is detached. */
function isDetached(ab) {
  if (!(ab instanceof ArrayBuffer) && !isAnyArrayBuffer(ab)) return false;
  try {
    if (detached !== undefined) return detached.call(ab);
    return new Uint8Array(ab) === null; // throws if it is detached
  } catch {
    return detached === undefined;
  }
}

/**
 * The error for a use of the dead `view`. `kind`: of the operation that got it; `consumer`: the
 * object of that operation, if any.
 */
function deadUse(view, name, death, kind, consumer) {
  globalThis[kTrial]?.died(view);
  const error = deadError(name, death);
  const cause = observing.observer?.used(view, kind, consumer);
  if (cause !== undefined) error.cause = cause;
  return error;
}

/** Adds to `error`, about a Buffer that was freed or sent before, what debug mode knows of that. */
function freedAgain(buffer, error) {
  const cause = observing.observer?.freedAgain(buffer);
  if (cause !== undefined) error.cause = cause;
  return error;
}

/** Throws if `ab`, of argument `name`, is detached. `view`: the view over it, if there is one. */
function checkAlive(ab, name, view) {
  if (ab.byteLength === 0 && isDetached(ab)) throw deadUse(view, name, ab[kHolder]?.death);
}

const { getPrototypeOf } = Object;
const { prototype: ofBuffers } = FastBuffer;
const { prototype: ofArrays } = Uint8Array;
const kinds = []; // deathOf() of slabs and of regions

/**
 * `deathOf(view)` tells how a Buffer ended that still has bytes, as a key of `deaths`; undefined
 * for any other.
 */
function tellsDeaths(deathOf) {
  if (!isDisabled()) kinds.push(deathOf); // memory of the heap has no other user
}

/**
 * Throws if `view` (argument `name`, or its element `index`) was freed or sent, so that its bytes
 * may belong to another Buffer. Also without the guard.
 */
function checkOwned(view, name, index) {
  const prototype = getPrototypeOf(view);
  if (prototype === ofBuffers || prototype === ofArrays) return; // takes 2 ns; Buffers of slabs and regions have other prototypes
  for (const deathOf of kinds) {
    const death = deathOf(view);
    if (death === undefined) continue;
    throw deadUse(view, index === undefined ? name : `${name}[${index}]`, death);
  }
}

module.exports = { checkAlive, checkOwned, deadUse, freedAgain, isDetached, tellsDeaths };
