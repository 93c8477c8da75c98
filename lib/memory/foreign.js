'use strict';

// Memory that Node allocated, given back to malloc at once, while it is still in the processor's
// caches, and before V8 would look for it. It is a free and no reset: an operation that is in
// flight on it uses freed memory.

const { MessageChannel, isMarkedAsUntransferable } = require('node:worker_threads');
const { isArrayBuffer } = require('node:util').types;
const { isDisabled } = require('../base/environment.js');
const { kHolder, kMemory } = require('../base/protocol.js');
const { hasTransfer } = require('../base/runtime.js');
const { view } = require('../base/views.js');

const { transfer } = ArrayBuffer.prototype;

const counts = {
  released: 0,
  adopted: 0,
  copied: 0,
  left: {
    shared: 0,
    bound: 0,
    early: 0,
    foreign: 0,
    seen: 0,
    unwritten: 0,
    dropped: 0,
    heap: 0,
    disabled: 0,
  },
  links: {
    ...{ released: 0, plain: 0 },
    why: { small: 0, sink: 0, patched: 0, source: 0, readers: 0 }, // of the plain ones
  },
};

let port = null;
let isReady = false;

/**
 * Node 20 has no transfer(), and structuredClone() frees nothing before a collection. A message to
 * a port whose peer is closed is dropped with its contents: 62 µs a MiB instead of 242, and a peak
 * of 49 MB instead of 84. Until the peer has emitted `close`, messages are kept (a peak of 697 MB).
 */
function prepare() {
  if (hasTransfer || port !== null) return;
  const { port1, port2 } = new MessageChannel();
  port1.once('close', () => {
    isReady = true;
  });
  port2.close();
  port = port1;
}

/** Frees the memory of `ab`. Returns false if that is not possible. */
function free(ab) {
  // Node 22 would detach an untransferable one all the same. Node 20 cannot tell, but postMessage()
  // does not detach it.
  if (isMarkedAsUntransferable?.(ab)) return false;
  try {
    if (hasTransfer) transfer.call(ab, 0);
    else port.postMessage(null, [ab]);
  } catch (error) {
    if (error instanceof RangeError) throw error; // the stack ends here
    return false; // WebAssembly's memory, or marked as untransferable
  }
  return ab.byteLength === 0;
}

function giveBack(ab, bytes) {
  if (isDisabled()) return leave('disabled', bytes);
  prepare();
  if (!hasTransfer && !isReady) return leave('early', bytes);
  if (!free(ab)) return leave('bound', bytes);
  counts.released += bytes;
  return bytes;
}

function leave(reason, bytes) {
  counts.left[reason] += bytes;
  return 0;
}

const tripped = {};
let isRead = false;
const tripwire = {
  get value() {
    isRead = true;
    throw tripped;
  },
};

/**
 * Whether `ab` can be detached, and given a property. For WebAssembly's memory, whose pages have 64
 * KiB, only a trial tells: from Node 22 on, structuredClone() checks the transfer list before it
 * reads the value to clone (2 to 4 µs). Node 20 does not tell.
 */
function isDetachable(ab) {
  if (isMarkedAsUntransferable?.(ab) || !Object.isExtensible(ab)) return false;
  if (!hasTransfer || ab.byteLength % (64 * 1024) !== 0) return true;
  isRead = false;
  try {
    structuredClone(tripwire, { transfer: [ab] });
  } catch (error) {
    if (error instanceof RangeError) throw error; // the stack ends here
  }
  return isRead;
}

/**
 * Why the memory of a view of `bytes` bytes (more than 0) cannot be given back: a key of `left`, or
 * 'ours'; undefined if it can.
 */
function tieOf(ab, bytes) {
  if (ab.resizable || !isArrayBuffer(ab)) return 'bound'; // not a SharedArrayBuffer
  if (ab[kHolder] !== undefined || ab[kMemory] === true) return 'ours';
  return bytes === ab.byteLength ? undefined : 'shared';
}

/**
 * Detaches `ab` and returns its memory in a new ArrayBuffer; undefined if it cannot be detached.
 */
function detach(ab) {
  if (isMarkedAsUntransferable?.(ab)) return undefined;
  try {
    const own = hasTransfer ? transfer.call(ab) : structuredClone(ab, { transfer: [ab] });
    return ab.byteLength === 0 ? own : undefined;
  } catch (error) {
    if (error instanceof RangeError) throw error;
    return undefined;
  }
}

/**
 * Zeroes the memory, then frees it. Does not write to memory that cannot be detached: it may be
 * Node's pool.
 */
function wipeAdopted(ab, bytes) {
  const own = detach(ab);
  if (own === undefined) return leave('bound', bytes);
  view(own, 0, bytes, true);
  return giveBack(own, bytes);
}

/**
 * Frees memory that an arena has adopted. Its Buffers are dead then, unless it cannot be detached.
 */
function releaseAdopted(ab, bytes) {
  if (giveBack(ab, bytes) === 0 && !hasTransfer && !isReady) detach(ab);
}

module.exports = {
  giveBack,
  releaseAdopted,
  wipeAdopted,
  prepare,
  detach,
  isDetachable,
  tieOf,
  leave,
  counts,
};
