'use strict';

// An operation of Node that uses Buffers after its function returned: what holds their memory, and until when. A Buffer
// whose memory is reset or freed is told from others by a property of its ArrayBuffer (12 ns, of which 10 are for
// `view.buffer`).

const time = require('../../base/time.js');
const { kHolder } = require('../../base/protocol.js');
const { FastBuffer } = require('../../base/runtime.js');
const { observing } = require('../../base/observer.js');

const { isView } = ArrayBuffer;
const { get: typeOf } = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
);

/**
 * Begins an operation on `value`. Returns the function that ends it, to be called once, or undefined if there is nothing to
 * hold: no view, or ordinary memory. Throws ERR_RALLOC_DEAD_BUFFER.
 */
function begin(value, kind) {
  if (!isView(value)) return undefined;
  const holder = value.buffer[kHolder];
  if (holder === undefined) {
    observing.observer?.unheld(value, kind);
    return undefined;
  }
  return holder.take(value, kind);
}

/**
 * The same bytes on the heap, in a view of the same type, where they lie in memory that dies; else `value` itself.
 * Throws ERR_RALLOC_DEAD_BUFFER.
 */
function copied(value, kind) {
  if (isView(value) && value.buffer[kHolder]?.holdsNothing) {
    observing.observer?.unheld(value, kind); // in debug
    return value;
  }
  const end = begin(value, kind);
  if (end === undefined) return value;
  const { buffer, byteOffset, byteLength } = value;
  const bytes = buffer.slice(byteOffset, byteOffset + byteLength);
  end();
  if (Buffer.isBuffer(value)) return new FastBuffer(bytes);
  return new globalThis[typeOf.call(value) ?? 'DataView'](bytes);
}

/** The same as begin() for a list of values. When one of them throws, nothing has begun. */
function beginAll(values, kind) {
  const ends = [];
  try {
    for (const value of values) {
      const end = begin(value, kind);
      if (end !== undefined) ends.push(end);
    }
  } catch (error) {
    for (const end of ends) end();
    throw error;
  }
  if (ends.length <= 1) return ends[0];
  const endAll = () => {
    for (const end of ends) end();
  };
  endAll.isFirst = ends.every(({ isFirst }) => isFirst);
  return endAll;
}

/** `callback`, and after it the end, if that does not come first: the callback may use the Buffer, too. */
function callingBack(callback, end) {
  return function (...results) {
    if (end.isFirst) {
      end();
      return Reflect.apply(callback, this, results);
    }
    try {
      return Reflect.apply(callback, this, results);
    } finally {
      end();
    }
  };
}

/** The same for an operation that reads into its Buffer: code that awaits a promise which `callback` settles still finds the bytes. */
const readingBack = (callback, end) =>
  callingBack(callback, end.isFirst ? end : () => afterAwaits(end));

/**
 * The promise of an operation, for the user. Not `promise` itself: listening to that would hide its
 * rejection if the user does not. The operation ends a tick later, after code that awaits it has seen the bytes.
 */
function settling(promise, end) {
  return promise.then(
    (value) => {
      endSettled(end);
      return value;
    },
    (error) => {
      endSettled(end);
      throw error;
    },
  );
}

const endSettled = (end) => (end.isFirst ? end() : time.nextTick(end));

/** Whether a stream can be destroyed, and somebody is told of its error. */
const isHeard = (stream) =>
  typeof stream?.destroy === 'function' && stream.listenerCount('error') > 0;

const settled = Promise.resolve();

/**
 * Calls `work` once those who wait for promises that are settled now have gone on, as util.promisify() settles one in the
 * callback: a tick that a microtask asks for comes after theirs.
 */
function afterAwaits(work) {
  settled.then(() => time.nextTick(work));
}

module.exports = {
  begin,
  beginAll,
  callingBack,
  copied,
  afterAwaits,
  isHeard,
  readingBack,
  settling,
};
