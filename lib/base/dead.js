'use strict';

// Dead views, whose memory was reset, freed or transferred away: tells them from others, and knows how they died.

const { deadError } = require('./errors.js');
const { kHolder, kTrial } = require('./protocol.js');
const { FastBuffer } = require('./runtime.js');
const { observing } = require('./observer.js');

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

/** The error of a use of `view`, which is dead. `kind`: of the operation that it is given to, `consumer`: the object, if it has one. */
function deadUse(view, name, death, kind, consumer) {
  globalThis[kTrial]?.died(view);
  const error = deadError(name, death);
  const cause = observing.observer?.used(view, kind, consumer);
  if (cause !== undefined) error.cause = cause;
  return error;
}

/** `error` of a Buffer that was freed or sent before, with what debug knows of that. */
function freedAgain(buffer, error) {
  const cause = observing.observer?.freedAgain(buffer);
  if (cause !== undefined) error.cause = cause;
  return error;
}

/** Throws where `ab`, of argument `name`, has no bytes because it is detached. `view`: what is over it, if anything is. */
function checkAlive(ab, name, view) {
  if (ab.byteLength === 0 && isDetached(ab)) throw deadUse(view, name, ab[kHolder]?.death);
}

const { getPrototypeOf } = Object;
const { prototype: ofBuffers } = FastBuffer;
const { prototype: ofArrays } = Uint8Array;
const kinds = []; // deathOf() of slabs and of regions

/** `deathOf(view)`: how a Buffer ended whose bytes are there, as a key of `deaths`; undefined for any other. */
function tellsDeaths(deathOf) {
  kinds.push(deathOf);
}

/**
 * Throws where `view`, of argument `name` or in it at `index`, was freed or sent: its bytes may be somebody else's. Also without
 * the guard.
 */
function checkOwned(view, name, index) {
  const prototype = getPrototypeOf(view);
  if (prototype === ofBuffers || prototype === ofArrays) return; // in 2 ns; those of slabs and regions have their own
  for (const deathOf of kinds) {
    const death = deathOf(view);
    if (death === undefined) continue;
    throw deadUse(view, index === undefined ? name : `${name}[${index}]`, death);
  }
}

module.exports = { checkAlive, checkOwned, deadUse, freedAgain, isDetached, tellsDeaths };
