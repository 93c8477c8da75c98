'use strict';

// Guards functions that read a stream to its end: they make a list of its chunks first, which are
// held until the promise settles.

const { Readable } = require('node:stream');
const consumers = require('node:stream/consumers');
const { settling } = require('./operation.js');
const { queueOf } = require('./readable.js');
const { wrap } = require('../../base/wrap.js');

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

module.exports = { guardCollectors };
