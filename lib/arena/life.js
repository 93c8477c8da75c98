'use strict';

// How far an arena's life has come, and what it has from V8's heap where its owner has no memory for it.

const { closedError } = require('../base/errors.js');

const ESCAPED =
  'The scope returned a Buffer of its own, which is dead now. Return copyOut(buffer), or allocate it from the outer arena';

const LIVE = 0;
const CLOSED = 1; // by its owner, or with its scope: every use throws
const RELEASED = 2; // with its response: allocations go to the heap, the rest does nothing

/**
 * What a window has of it: the functions below are of a window, and no class that it extends, since super() makes a
 * request's window dearer by 40 of 700 ns.
 * @typedef {object} Life
 * @property {object} owner
 * @property {boolean} isScope
 * @property {number} heapBytes of Buffers that came from the heap instead, charged to the owner
 * @property {number} state
 * @property {object | null} epoch
 */

/**
 * `existing`: a Buffer of that size, which is there already.
 * @param {Life} life
 */
function allocOnHeap(life, size, zero, existing) {
  const buffer = life.owner.allocOnHeap(size, zero, existing);
  life.heapBytes += size;
  return buffer;
}

/** Gives the room of heap Buffers back, but for the first `kept` bytes of them; undefined keeps all. */
function dischargeHeap(life, kept = life.heapBytes) {
  const bytes = life.heapBytes - kept;
  if (bytes <= 0) return;
  life.owner.budget.discharge(bytes);
  life.heapBytes = kept;
}

/** Whether the response is over, and calls do nothing; throws when the arena, or its scope, is closed. */
function isReleased(life) {
  if (life.state === LIVE) return false;
  if (life.state === RELEASED) return true;
  throw closedError(life.isScope ? 'The scope of this arena' : 'The arena');
}

/** What hold() gives where nothing is left to hold. */
const releasedHold = Object.freeze({ release() {}, [Symbol.dispose]() {} });

module.exports = {
  ESCAPED,
  LIVE,
  CLOSED,
  RELEASED,
  allocOnHeap,
  dischargeHeap,
  isReleased,
  releasedHold,
};
