'use strict';

// Guards writes to streams: a chunk waits in the queue, or is with the kernel or the thread pool, until its callback is called: sockets, files, zlib and
// crypto, HTTP/2 streams, child processes, stdout.

const net = require('node:net');
const stream = require('node:stream');
const { kHolder } = require('../../base/protocol.js');
const time = require('../../base/time.js');
const { callingBack, isHeard } = require('./operation.js');
const { untilClosed } = require('./pending.js');
const { wrap } = require('../../base/wrap.js');

const { isView } = ArrayBuffer;

/** Writes a chunk and calls `end` when the stream is done with it. */
function writeHeld(write, writable, chunk, encoding, callback, done) {
  if (typeof writable?.once !== 'function') {
    done(); // it is no stream, and Node says so
    return write.call(writable, chunk, encoding, callback);
  }
  const end = untilClosed(writable, done);
  const before = writable.writableLength;
  const called = typeof callback === 'function' ? callingBack(callback, end) : end;
  try {
    return write.call(writable, chunk, encoding, called);
  } catch (error) {
    if (writable.writableLength === before) end(); // else the stream has it, and its own _write() has thrown
    throw error;
  }
}

/**
 * A dead chunk destroys the stream, as one that is written after end() does: most often it was in a queue, of
 * a response behind another or of undici, and is written from where nobody could catch what is thrown. One whose 'error' nobody
 * hears would end the process: there it is thrown, to a caller who may catch it.
 */
function refuse(writable, error, callback) {
  if (!isHeard(writable)) throw error;
  if (typeof callback === 'function') time.nextTick(callback, error);
  writable.destroy(error);
  return false;
}

// Hot: every write of a socket comes here. With fixed arguments it costs 30 ns, with `...args` 110.
const makeWrite = (write) =>
  function (chunk, encoding, callback) {
    if (!isView(chunk)) return write.call(this, chunk, encoding, callback);
    const holder = chunk.buffer[kHolder];
    if (holder === undefined) return write.call(this, chunk, encoding, callback);
    let end;
    try {
      end = holder.take(chunk, 'stream', this);
    } catch (error) {
      return refuse(this, error, typeof encoding === 'function' ? encoding : callback);
    }
    return typeof encoding === 'function'
      ? writeHeld(write, this, chunk, undefined, encoding, end)
      : writeHeld(write, this, chunk, encoding, callback, end);
  };

/** end(chunk) is write(chunk) and end(): the callback of end() itself can come before the chunk was used, by destroy(). */
const makeEnd = (end, write) =>
  function (chunk, encoding, callback) {
    if (!isView(chunk)) return end.call(this, chunk, encoding, callback);
    const holder = chunk.buffer[kHolder];
    if (holder === undefined || !this?.writable) return end.call(this, chunk, encoding, callback);
    let done;
    try {
      done = holder.take(chunk, 'stream', this);
    } catch (error) {
      refuse(this, error, typeof encoding === 'function' ? encoding : callback);
      return this;
    }
    if (typeof encoding === 'function') {
      writeHeld(write, this, chunk, undefined, undefined, done);
      return end.call(this, encoding);
    }
    writeHeld(write, this, chunk, encoding, undefined, done);
    return end.call(this, callback);
  };

// Duplex has copies of Writable's methods of its own.
function guardStreams() {
  for (const { prototype } of [stream.Writable, stream.Duplex]) {
    const { write } = prototype; // of Node: end() does not call what wraps it
    wrap(prototype, 'write', makeWrite);
    wrap(prototype, 'end', (end) => makeEnd(end, write));
  }
  wrap(net.Socket.prototype, 'write', makeWrite); // of a patch that kept Duplex's, and calls that; Node has none there
}

module.exports = { guardStreams };
