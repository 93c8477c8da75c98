'use strict';

// Guards writes to streams: a chunk waits in the queue, or is with the kernel or the thread pool,
// until its callback is called: sockets, files, zlib and crypto, HTTP/2 streams, child processes,
// stdout.

const net = require('node:net');
const stream = require('node:stream');
const { kHolder } = require('../../base/protocol.js');
const time = require('../../base/time.js');
const { wrap } = require('../../base/wrap.js');
const { begin, callingBack, orEnd } = require('./operation.js');
const { untilClosed } = require('./pending.js');
const { destroyRefused } = require('./refused.js');

const { isView } = ArrayBuffer;

/** Writes a chunk and calls `end` when the stream is done with it. */
function writeHeld(write, writable, chunk, encoding, callback, done) {
  if (typeof writable?.once !== 'function') {
    done(); // it is not a stream, for which Node throws
    return write.call(writable, chunk, encoding, callback);
  }
  const end = untilClosed(writable, done);
  const before = writable.writableLength;
  const called = typeof callback === 'function' ? callingBack(callback, end) : end;
  try {
    return write.call(writable, chunk, encoding, called);
  } catch (error) {
    if (writable.writableLength === before) end(); // otherwise the stream has it, and its _write() has thrown
    throw error;
  }
}

/**
 * Holds a chunk and returns the function that ends that. A dead one destroys the stream, the
 * callback of the write gets the error, and undefined is returned.
 */
function take(writable, holder, chunk, callback) {
  try {
    return holder.take(chunk, 'stream', writable);
  } catch (error) {
    destroyRefused(writable, error);
    if (typeof callback === 'function') time.nextTick(callback, error);
    return undefined;
  }
}

// Of a call that may lack the encoding.
const codingOf = (encoding) => (typeof encoding === 'function' ? undefined : encoding);
const callbackOf = (encoding, callback) => (typeof encoding === 'function' ? encoding : callback);

// Hot: called for every write of a socket. With fixed arguments it takes 30 ns, with `...args` 110.
const makeWrite = (write) =>
  function (chunk, encoding, callback) {
    const holder = isView(chunk) ? chunk.buffer[kHolder] : undefined;
    if (holder === undefined) return write.call(this, chunk, encoding, callback);
    const written = callbackOf(encoding, callback);
    const end = take(this, holder, chunk, written);
    return end !== undefined && writeHeld(write, this, chunk, codingOf(encoding), written, end);
  };

/**
 * Replaces end(chunk) by write(chunk) and end(): after destroy(), the callback of end() itself can
 * come before the chunk was used.
 */
const makeEnd = (end, write) =>
  function (chunk, encoding, callback) {
    const holder = isView(chunk) ? chunk.buffer[kHolder] : undefined;
    if (holder === undefined || !this?.writable) return end.call(this, chunk, encoding, callback);
    const ended = callbackOf(encoding, callback);
    const done = take(this, holder, chunk, ended);
    if (done === undefined) return this;
    writeHeld(write, this, chunk, codingOf(encoding), undefined, done);
    return end.call(this, ended);
  };

// Duplex has its own copies of Writable's methods.
function guardStreams() {
  for (const { prototype } of [stream.Writable, stream.Duplex]) {
    const { write } = prototype; // Node's: end() must not call the wrapper
    wrap(prototype, 'write', makeWrite);
    wrap(prototype, 'end', (end) => makeEnd(end, write));
  }
  wrap(net.Socket.prototype, 'write', makeWrite); // Node has none here; a patch may have added one that calls a saved Duplex write()
}

// A socket that reads into one Buffer (`onread`) has it as long as it is open. The constructor gets
// it, which nothing can stand in for; but net.connect() and tls.connect() give all of their options
// to the socket's connect(), too. What only `new net.Socket()` gets is not seen.

const makeConnect = (connect) =>
  function (...args) {
    const [options] = args.flat(); // net.connect() passes an array
    const end = begin(options?.onread?.buffer, 'stream');
    if (end === undefined) return Reflect.apply(connect, this, args);
    return orEnd(end, () => Reflect.apply(connect, this, args).once('close', end));
  };

function guardSockets() {
  wrap(net.Socket.prototype, 'connect', makeConnect);
}

module.exports = { guardStreams, guardSockets };
