'use strict';

// adopt(): an arena takes over a Buffer that Node or the program allocated, without a copy. It dies
// with the arena's own Buffers.

const { isDataView } = require('node:util').types;
const check = require('../base/validate.js');
const { checkAlive, checkOwned } = require('../base/dead.js');
const { deadError } = require('../base/errors.js');
const { FastBuffer } = require('../base/runtime.js');
const { arrayBufferOf, byteLengthOf, byteOffsetOf } = require('../base/views.js');
const { counts, isDetachable, leave, tieOf } = require('../memory/foreign.js');
const { allocOnHeap, isReleased } = require('./window.js');

const { set } = Uint8Array.prototype;

/** The bytes of a view. Throws for a DataView whose resizable ArrayBuffer has shrunk. */
function bytesOf(view) {
  try {
    return new Uint8Array(arrayBufferOf(view), byteOffsetOf(view), byteLengthOf(view));
  } catch {
    throw deadError('buffer');
  }
}

function copied(window, bytes) {
  const buffer = window.allocSlow(bytes.length, false);
  set.call(buffer, bytes);
  counts.copied += bytes.length;
  return buffer;
}

/**
 * Makes `ab` memory of the window's epoch, which is charged `size` bytes, and returns its span.
 * Returns a Refusal, or undefined if the heap must serve: after the response, or if the middleware
 * has no memory left. If there is no room, first gives back an unused window, as a reset leaves it.
 */
function take(window, ab, size, isSole) {
  const { owner } = window;
  if (isReleased(window) || owner.usesHeap) return undefined;
  owner.pool.check();
  if (size > owner.room && !owner.makeRoom(size)) return undefined;
  const { pool, settings } = owner;
  let span = pool.adopt(ab, size, settings);
  if (span.isRefusal && window.releaseUnused()) span = pool.adopt(ab, size, settings);
  if (span.isRefusal) return span;
  if (isSole) span.makeSole();
  window.add(span, size, size);
  return span;
}

/**
 * Makes `ab`, which only `buffer` uses, memory of the window's epoch, and returns its span. Returns
 * undefined if `buffer` stays on the heap and is charged as a heap Buffer.
 */
function takeOver(window, buffer, ab) {
  const size = ab.byteLength;
  const span = take(window, ab, size, false);
  const isRefused = span?.isRefusal === true;
  if (isRefused && !window.owner.refused(span)) throw span.error;
  if (isRefused || span === undefined) return stayOnHeap(window, buffer, size);
  counts.adopted += size;
  return span;
}

/**
 * Makes `ab`, which is for a single Buffer of `size` bytes, a sole span of the window's epoch.
 * Returns undefined if that is not possible.
 */
function takeSole(window, ab, size) {
  try {
    const span = take(window, ab, size, true);
    return span?.isRefusal ? undefined : span;
  } catch (error) {
    if (error?.code === undefined) throw error; // the stack ends here
    return undefined; // the arena is full or closed, which the next allocation reports
  }
}

const onHeap = new WeakMap(); // ArrayBuffers -> the window that is charged for them

function stayOnHeap(window, buffer, size) {
  if (onHeap.get(buffer.buffer) === window && window.heapBytes >= size) return undefined;
  allocOnHeap(window, size, false, buffer);
  onHeap.set(buffer.buffer, window);
  leave('heap', size);
  return undefined;
}

const asBuffer = (view) => {
  if (Buffer.isBuffer(view)) return view;
  return new FastBuffer(arrayBufferOf(view), byteOffsetOf(view), byteLengthOf(view));
};

/**
 * Returns `view` as a Buffer that dies with the Buffers of `window`: over the same memory, or a
 * copy if that cannot be taken over.
 */
function adopt(window, view) {
  check.view(view, 'buffer');
  const released = isReleased(window); // or throws
  const ab = arrayBufferOf(view);
  checkAlive(ab, 'buffer', view);
  checkOwned(view, 'buffer');
  if (isDataView(view) && ab.resizable) bytesOf(view);
  const size = byteLengthOf(view);
  if (size === 0) return window.allocSlow(0, false);
  const tie = tieOf(ab, size) ?? (isDetachable(ab) ? undefined : 'bound');
  if (tie === 'ours' && !released && window.has(ab)) return asBuffer(view);
  if (tie === undefined) {
    const buffer = asBuffer(view);
    takeOver(window, buffer, ab);
    return buffer;
  }
  const buffer = copied(window, bytesOf(view));
  if (tie !== 'ours') leave(tie, size);
  return buffer;
}

module.exports = { adopt, takeOver, takeSole };
