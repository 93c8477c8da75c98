'use strict';

// A socket that reads into one Buffer (`onread`) has it as long as it is open. `new net.Socket()` is Node's own class,
// which nothing can stand in for: there the Buffer is not seen.

const net = require('node:net');
const tls = require('node:tls');
const { begin } = require('./operation.js');
const { wrap } = require('./wrap.js');

const makeConnect = (connect) =>
  function (...args) {
    const options = args.find((arg) => arg?.onread);
    const end = begin(options?.onread.buffer, 'stream');
    if (end === undefined) return Reflect.apply(connect, this, args);
    try {
      return Reflect.apply(connect, this, args).once('close', end);
    } catch (error) {
      end();
      throw error;
    }
  };

/** net.connect and net.createConnection are one function, and stay so. */
function guardSockets() {
  const { connect } = net;
  wrap(net, 'connect', makeConnect);
  if (net.createConnection === connect) net.createConnection = net.connect;
  else wrap(net, 'createConnection', makeConnect);
  wrap(tls, 'connect', makeConnect);
}

module.exports = { guardSockets };
