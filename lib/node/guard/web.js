'use strict';

// Web streams. What a writer is given is held until its promise settles. What is given to a
// controller may wait anywhere, and nobody tells when it was used: there Node gets a copy of the
// bytes. So it does where a writer writes to a TransformStream, which passes chunks on to its
// readable side, or to what may be a side of one.

const web = require('node:stream/web');
const { kHolder } = require('../../base/protocol.js');
const { copied, settling } = require('./operation.js');
const { wrap } = require('../../base/wrap.js');

const { isView } = ArrayBuffer;

const ofTransforms = new WeakSet(); // the writable sides of TransformStreams
const holding = new WeakSet(); // writers that hold their chunks

const makeWrite = (write) =>
  function (chunk) {
    const holder = isView(chunk) ? chunk.buffer[kHolder] : undefined;
    if (holder === undefined || holder.holdsNothing) return write.call(this, chunk);
    let end;
    try {
      if (!holding.has(this)) return write.call(this, copied(chunk, 'web'));
      end = holder.take(chunk, 'web');
      return settling(write.call(this, chunk), end);
    } catch (error) {
      end?.();
      return Promise.reject(error); // the chunk was dead
    }
  };

const makeGetWriter = (getWriter) =>
  function () {
    const writer = getWriter.call(this);
    if (!ofTransforms.has(this)) holding.add(writer);
    return writer;
  };

const makeWritable = (writable) =>
  function () {
    const side = writable.call(this);
    ofTransforms.add(side);
    return side;
  };

const makeEnqueue = (enqueue) =>
  function (chunk) {
    return enqueue.call(this, copied(chunk, 'web'));
  };

const toCopy = (chunk) => copied(chunk, 'web');

const makeFrom = (from) =>
  function (iterable) {
    return from.call(this, Array.isArray(iterable) ? iterable.map(toCopy) : toCopy(iterable));
  };

/** `isLate`: a program may have taken sides of TransformStreams since ralloc was mounted. */
function guardWebStreams(isLate) {
  wrap(web.WritableStreamDefaultWriter?.prototype, 'write', makeWrite);
  if (!isLate) wrap(web.WritableStream?.prototype, 'getWriter', makeGetWriter);
  wrap(web.TransformStream?.prototype, 'writable', makeWritable, 'get');
  wrap(web.ReadableStreamDefaultController?.prototype, 'enqueue', makeEnqueue);
  wrap(web.TransformStreamDefaultController?.prototype, 'enqueue', makeEnqueue);
  wrap(web.ReadableStream, 'from', makeFrom);
}

module.exports = { guardWebStreams };
