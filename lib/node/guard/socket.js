'use strict';

// A socket that reads into one Buffer (`onread`) has it as long as it is open. The constructor gets
// it, which nothing can stand in for; but net.connect() and tls.connect() give all of their options
// to the socket's connect(), too. What only `new net.Socket()` gets is not seen.

const net = require('node:net');
const { begin } = require('./operation.js');
const { wrap } = require('../../base/wrap.js');

const makeConnect = (connect) =>
  function (...args) {
    const [options] = args.flat(); // net.connect() passes an array
    const end = begin(options?.onread?.buffer, 'stream');
    if (end === undefined) return Reflect.apply(connect, this, args);
    try {
      return Reflect.apply(connect, this, args).once('close', end);
    } catch (error) {
      end();
      throw error;
    }
  };

function guardSockets() {
  wrap(net.Socket.prototype, 'connect', makeConnect);
}

module.exports = { guardSockets };
