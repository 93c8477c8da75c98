'use strict';

// The queue of the package ws. With permessage-deflate it compresses one message of a connection at
// a time, and ten in all; the others wait in arrays, where no function of Node has them. So what
// its Sender is given is held until the Sender calls back. The package is looked for when a stream
// of zlib gets its first Buffer of an arena: by then it is loaded, and messages wait only after
// that. A bundled copy is not found.

const Module = require('node:module');
const { attempt } = require('../../base/attempt.js');
const { wrap } = require('../../base/wrap.js');
const { begin, callingBack } = require('./operation.js');

const SENDER = /[\\/]node_modules[\\/]ws[\\/]lib[\\/]sender\.js$/;

const nothing = () => {};

const makeSend = (send) =>
  function (data, options, callback) {
    const end = begin(data, 'stream');
    if (end === undefined) return send.call(this, data, options, callback);
    try {
      return send.call(this, data, options, callingBack(callback ?? nothing, end));
    } catch (error) {
      end();
      throw error;
    }
  };

/** Wraps all copies of the package that are loaded. */
function holdQueues() {
  for (const file of Object.keys(Module._cache ?? {})) {
    if (SENDER.test(file))
      attempt(() => wrap(Module._cache[file].exports.prototype, 'send', makeSend));
  }
}

module.exports = { holdQueues };
