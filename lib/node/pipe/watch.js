'use strict';

// Watches one pipe between known streams, and frees its chunks once they are written. The sink gets
// a method write() of its own, which calls that of its class, with a callback if nobody but the
// sink has the chunk.

const fs = require('node:fs');
const { kEvents, kPipeOnData, kState } = require('../../base/internals.js');
const { isSmall } = require('../../base/announced.js');
const { streams: counts } = require('../../memory/stream-counts.js');
const { give } = require('../blocks.js');
const { Handover } = require('./handover.js');
const { allow, isOfPipe, ownMethod } = require('../own-methods.js');
const { watchFirst } = require('../parser-chunks.js');
const { kindOf } = require('../provenance.js');
const { StreamChunks } = require('../stream-chunks.js');
const { completionCheckOf, isKnownSink } = require('../write-completion.js');

function leave(why) {
  counts.left[why] += 1;
}

function giveBack(chunk) {
  counts.chunks += 1;
  give(chunk);
}

/** Makes `sink` write a source's chunks with a callback, until the source is unpiped. */
function writeBack(source, sink, chunks, isUntouched) {
  const handover = new Handover(sink, isUntouched, chunks, giveBack);
  let isWriting = false;
  const write = allow(function write(...args) {
    const own = Object.getPrototypeOf(sink).write;
    if (args.length !== 1 || this !== sink) return Reflect.apply(own, this, args);
    const [chunk] = args;
    if (isWriting) chunks.end(); // other code has read meanwhile, and may have the chunk
    const written = handover.callbackOf(chunk);
    if (written === undefined) return own.call(this, chunk);
    isWriting = true;
    try {
      return own.call(this, chunk, undefined, written);
    } finally {
      isWriting = false;
    }
  });
  const state = source[kState];
  if (state[kPipeOnData]) state[kPipeOnData] = null; // otherwise Node 26.12 gives what waits to the sink's _write() itself
  Object.defineProperty(sink, 'write', ownMethod(write));
  const onUnpipe = (from) => {
    if (from !== source) return;
    sink.removeListener('unpipe', onUnpipe);
    chunks.end();
    if (Object.getOwnPropertyDescriptor(sink, 'write')?.value === write) delete sink.write;
  };
  sink.on('unpipe', onUnpipe);
}

/** Returns the StreamChunks of a piped source; undefined if its chunks are left alone. */
function watchPipe(source) {
  const [sink] = source[kState].pipes;
  const listener = source[kEvents].data;
  if (!isOfPipe(listener)) return leave('readers'); // or there are several listeners
  // An own write() may keep chunks, or serve another source.
  const isUntouched = Object.hasOwn(sink, 'write') ? undefined : completionCheckOf(sink);
  if (isUntouched === undefined) return leave('sink');
  const chunks = new StreamChunks(source, undefined, { listener, sink });
  if (!chunks.any) return leave('readers');
  counts.watched += 1;
  writeBack(source, sink, chunks, isUntouched);
  chunks.watch();
  return chunks;
}

/** Called when a source other than a file was piped. */
function seePipe(source) {
  const kind = kindOf(source);
  if (kind === undefined || kind.of === fs.ReadStream) return;
  if (kind.notesBefore && isSmall(source)) watchFirst(source);
  else watchPipe(source);
}

module.exports = { isKnownSink, seePipe, watchPipe };
