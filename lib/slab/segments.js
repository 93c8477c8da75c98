'use strict';

// The ArrayBuffers over a pool's slots, one for each segment: how they are made, and how they end.

const { refusal } = require('../base/errors.js');
const { kHolder, kMemory } = require('../base/protocol.js');
const { hasTransfer } = require('../base/runtime.js');
const { limitOf } = require('./options.js');

/** The error of memory that a pool was refused. */
const refuseSegment = ({ core, segmentBytes }, failure) =>
  refusal(failure, limitOf(core.settings), segmentBytes, { asked: core.settings.memory });

/** Makes the ArrayBuffer of a segment, unless there is one. */
function makeSegment(pool, index) {
  const { core, segments, guards } = pool;
  while (segments.length <= index) segments.push(null);
  if (segments[index] !== null) return;
  const ab = core.call('segment', pool.index, index);
  if (ab.kind !== undefined) throw refuseSegment(pool, ab);
  // At exit Node detaches the ArrayBuffers that Node-API made, and Node 24 and 26 abort if one was marked as
  // untransferable. So its memory moves to another ArrayBuffer before anyone can see it (100 ns).
  const shown = hasTransfer ? ab.transfer() : ab;
  const guard = core.guardOf(pool, index, shown);
  if (guard !== null) {
    shown[kHolder] = guard;
    guards[index] = guard;
  } else shown[kMemory] = true;
  segments[index] = shown;
}

/** Detaches the ArrayBuffer of a segment. */
function detachSegment({ core, index: pool }, ab, index) {
  if (ab.byteLength === 0) return; // whoever took it keeps it, and no one else gets its slots
  try {
    const transfers = hasTransfer && core.backend === 'native';
    // Moved on first: what nobody else has, nobody can have marked, and Node 24 aborts where Node-API detaches that.
    core.leased.detach(pool, index, transfers ? ab.transfer() : ab);
  } catch (error) {
    if (error instanceof RangeError) throw error; // the stack ends here
    // Somebody called worker_threads.markAsUntransferable(buf.buffer). It cannot be detached and keeps its memory
    // until it is collected.
  }
}

module.exports = { refuseSegment, makeSegment, detachSegment };
