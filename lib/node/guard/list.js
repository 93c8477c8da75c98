'use strict';

// Guards lists of Buffers that become streams. The Buffers wait in the array until the stream has
// pushed them; after that the stream's queue holds them. Chunks that a generator has not yielded
// yet cannot be guarded.

const stream = require('node:stream');
const consumers = require('node:stream/consumers');
const { wrap } = require('../../base/wrap.js');
const { beginAll, callingBack, orEnd, settling } = require('./operation.js');
const { queueOf } = require('./readable.js');

const { isView } = ArrayBuffer;
const { Readable } = stream;

const beginList = (list) => beginAll(Array.isArray(list) ? list : [list], 'stream');

/** For functions that make a readable stream of their first argument. */
const makeFrom = (from) =>
  function (...args) {
    const [list] = args;
    const end = Array.isArray(list) || isView(list) ? beginList(list) : undefined;
    if (end === undefined) return Reflect.apply(from, this, args);
    return orEnd(end, () => {
      const readable = Reflect.apply(from, this, args);
      queueOf(readable).lists(end);
      return readable;
    });
  };

/** For the source of a pipeline, whose streams may be given as one array. */
function beginSource([first]) {
  const source = Array.isArray(first) && Array.isArray(first[0]) ? first[0] : first;
  return Array.isArray(source) ? beginList(source) : undefined;
}

const makePipeline = (pipeline) =>
  function (...args) {
    const end = beginSource(args);
    if (end === undefined) return Reflect.apply(pipeline, this, args);
    const callback = args.at(-1);
    if (typeof callback === 'function') args[args.length - 1] = callingBack(callback, end);
    return orEnd(end, () => Reflect.apply(pipeline, this, args));
  };

const makePipelinePromise = (pipeline) =>
  function (...args) {
    const end = beginSource(args);
    const promise = Reflect.apply(pipeline, this, args);
    return end === undefined ? promise : settling(promise, end);
  };

function guardLists() {
  wrap(stream.Readable, 'from', makeFrom);
  wrap(stream.Duplex, 'from', makeFrom);
  wrap(stream, 'compose', makeFrom);
  wrap(stream, 'pipeline', makePipeline);
  wrap(stream.promises, 'pipeline', makePipelinePromise);
}

// Guards functions that read a stream to its end: they make a list of its chunks first, which are
// held until the promise settles.

function collectHeld(collect, self, readable, argument) {
  const promise = collect.call(self, argument);
  return readable instanceof Readable ? settling(promise, queueOf(readable).keeps()) : promise;
}

const makeCollect = (collect) =>
  function (readable) {
    return collectHeld(collect, this, readable, readable);
  };

const makeToArray = (toArray) =>
  function (options) {
    return collectHeld(toArray, this, this, options);
  };

function guardCollectors() {
  for (const name of ['arrayBuffer', 'blob', 'buffer', 'bytes']) wrap(consumers, name, makeCollect);
  wrap(Readable.prototype, 'toArray', makeToArray);
}

module.exports = { guardLists, guardCollectors };
