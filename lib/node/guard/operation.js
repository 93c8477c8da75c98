'use strict';

// An operation of Node that uses Buffers after its function returned: what holds their memory, and
// until when. A Buffer whose memory is reset or freed is told from others by a property of its
// ArrayBuffer (12 ns, of which 10 are for `view.buffer`).

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
 * Begins an operation on `value`. Returns the function that ends it, which must be called once; or
 * undefined if there is nothing to hold: the value is not a view, or its memory is ordinary. Throws
 * ERR_RALLOC_DEAD_BUFFER.
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
 * If the bytes of `value` are in memory that dies, returns a copy on the heap, a view of the same
 * type; otherwise `value` itself. Throws ERR_RALLOC_DEAD_BUFFER.
 */
function copied(value, kind) {
  if (isView(value) && value.buffer[kHolder]?.holdsNothing) {
    observing.observer?.unheld(value, kind); // for debug mode
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

/** Like begin(), for a list of values. If one of them throws, nothing has begun. */
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

/** Returns what act() returns. If it throws, calls `end`. */
function orEnd(end, act) {
  try {
    return act();
  } catch (error) {
    end();
    throw error;
  }
}

/**
 * Returns a callback that calls `callback` and then `end`, because the callback may use the Buffer
 * too; if `end.isFirst`, the other way round.
 */
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

/**
 * Like callingBack(), for an operation that reads into its Buffer: code that awaits a promise
 * settled by `callback` still finds the bytes.
 */
const readingBack = (callback, end) =>
  callingBack(callback, end.isFirst ? end : () => afterAwaits(end));

/**
 * Returns the promise of an operation for the user. Not `promise` itself: listening to it would
 * hide its rejection from a user who does not listen. The operation ends a tick later, so that code
 * that awaits it still finds the bytes.
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

const settled = Promise.resolve();

/**
 * Calls `work` after the code that awaits promises which are settled by now, as util.promisify()
 * does in the callback:
 * a tick scheduled in a microtask comes after all other microtasks.
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
  orEnd,
  readingBack,
  settling,
};
