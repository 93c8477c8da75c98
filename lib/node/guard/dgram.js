'use strict';

// Datagrams. Node gets a copy: it has no sign of the end for one without a callback, and one with a
// callback can lack it too (a connected socket ignores it where a port is given). Datagrams are
// small.

const { Socket } = require('node:dgram');
const { copied } = require('./operation.js');
const { wrap } = require('../../base/wrap.js');

const toCopy = (bytes) => copied(bytes, 'dgram');

const makeSend = (send) =>
  function (message, ...rest) {
    const data = Array.isArray(message) ? message.map(toCopy) : toCopy(message);
    return send.call(this, data, ...rest);
  };

function guardDatagrams() {
  wrap(Socket.prototype, 'send', makeSend);
}

module.exports = { guardDatagrams };
