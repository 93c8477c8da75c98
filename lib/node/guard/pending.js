'use strict';

// Chunks whose callbacks never come: of a stream that is destroyed, Node does not call those that
// wait behind a write that is not over, nor that of a Transform which waits for its reader; and
// none where `_write()` has thrown. So the operations on them are over with the stream's 'close'.
// What a stream of the program gives to other functions of Node these hold by themselves. Sockets
// and streams of HTTP/2 call all of their callbacks, when nothing of Node has the chunk any more.
//
// In zlib the thread pool may still have the chunk at 'close'; then the callback comes. And a zlib
// stream whose data is wrong calls its handle's onerror() alone.

const net = require('node:net');
const zlib = require('node:zlib');
const { attempt } = require('../../base/attempt.js');
const { kHandle, loadedModules } = require('../../base/internals.js');
const { wrap } = require('../../base/wrap.js');
const { begin, callingBack, orEnd } = require('./operation.js');

const { getPrototypeOf } = Object;
const { constructor: ZlibBase } = getPrototypeOf(getPrototypeOf(zlib.Gzip.prototype));

const pendingOf = new WeakMap(); // stream -> the functions that end the operations on its chunks, the oldest first

/**
 * Whether the thread pool has a chunk. It has none while the stream waits for its reader, for which
 * it sets its own `_read`.
 */
const isBusy = (handle, writable) =>
  handle !== null && handle?.buffer !== null && writable._read === getPrototypeOf(writable)._read;

function endAll(pending) {
  for (const end of pending) end();
}

function watch(writable) {
  const pending = new Set();
  const handle = writable instanceof ZlibBase ? writable[kHandle] : null;
  pendingOf.set(writable, pending);
  if (writable instanceof zlib.DeflateRaw) holdQueues();
  if (handle) {
    const { onerror } = handle;
    handle.onerror = function (...args) {
      try {
        return Reflect.apply(onerror, this, args);
      } finally {
        endAll(pending);
      }
    };
  }
  writable.once('close', () => {
    const [first] = pending;
    const waits = isBusy(handle, writable);
    for (const end of pending) if (end !== first || !waits) end();
  });
  return pending;
}

const callsAll = (writable) => writable instanceof net.Socket || 'rstCode' in writable;

/**
 * Returns a function for the callback that calls `end`; if the callback never comes, the stream's
 * 'close' calls it.
 */
function untilClosed(writable, end) {
  if (callsAll(writable)) return end;
  const pending = pendingOf.get(writable) ?? watch(writable);
  const over = () => {
    if (pending.delete(over)) end();
  };
  pending.add(over);
  return over;
}

// The queue of the package ws. With permessage-deflate it compresses one message of a connection at
// a time, and ten in all; the others wait in arrays, where no function of Node has them. So what
// its Sender is given is held until the Sender calls back. The package is looked for when a
// DeflateRaw gets its first Buffer of an arena: by then it is loaded, and messages wait only after
// that. A bundled copy is not found.

const SENDER = /[\\/]node_modules[\\/]ws[\\/]lib[\\/]sender\.js$/;

const nothing = () => {};

const makeSend = (send) =>
  function (data, options, callback) {
    const end = begin(data, 'stream');
    if (end === undefined) return send.call(this, data, options, callback);
    const called = callingBack(callback ?? nothing, end);
    return orEnd(end, () => send.call(this, data, options, called));
  };

/** Wraps all copies of the package that are loaded. */
function holdQueues() {
  for (const [file, { exports }] of loadedModules())
    if (SENDER.test(file)) attempt(() => wrap(exports.prototype, 'send', makeSend));
}

module.exports = { untilClosed };
