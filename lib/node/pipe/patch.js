'use strict';

// Patches Readable.prototype.pipe() for ralloc/auto, so that pipes of a program that nobody changes
// free their chunks (watch.js).

const fs = require('node:fs');
const { Readable } = require('node:stream');
const { attempt } = require('../../base/attempt.js');
const { nodeHas } = require('../../base/internals.js');
const { lazy } = require('../../base/lazy.js');
const time = require('../../base/time.js');
const { wrap } = require('../../base/wrap.js');
const { isOfNode } = require('../own-methods.js');

const load = lazy(() => require('./watch.js'));

let isLoading = false;

/**
 * Returns watch.js; undefined while it loads. A program's hook may see each file that Node
 * compiles, and pipe something or start a Worker meanwhile, as esbuild-register does: such a pipe
 * is Node's alone, or the load would begin again without end.
 */
function watch() {
  if (isLoading) return undefined;
  isLoading = true;
  time.nextTurn(endLoad); // in case vm's timeout cuts the load off
  const loaded = load();
  endLoad();
  return loaded;
}

function endLoad() {
  isLoading = false;
}

/**
 * Files are watched by files.js, once they turn out to be long, because watching one costs 5 µs.
 */
const isFile = (source) => Object.getPrototypeOf(source) === fs.ReadStream.prototype;

const makePipe = (pipe) =>
  function (sink, options) {
    const result = pipe.call(this, sink, options);
    attempt(() => isFile(this) || watch()?.seePipe(this));
    return result;
  };

/** Whether a stream is done with a chunk in the callback of its write, unless it is patched. */
const isKnownSink = (stream) => watch()?.isKnownSink(stream) === true;

/** Returns the StreamChunks of a piped source; undefined if its chunks are left alone. */
const watchPipe = (source) => watch()?.watchPipe(source);

/** Patches pipe(). Returns false if it was patched before. */
const install = () =>
  nodeHas('streams') &&
  isOfNode(Readable.prototype.pipe) &&
  wrap(Readable.prototype, 'pipe', makePipe);

module.exports = { install, isKnownSink, watchPipe };
