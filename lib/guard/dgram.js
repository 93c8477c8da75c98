'use strict';

// Datagrams. Node gets a copy: it has no sign of the end for one without a callback, one with a callback can lack it too
// (a connected socket ignores it where a port is given), and to copy 1,400 bytes costs no more than a hold.

const { Socket } = require('node:dgram');
const { kHolder } = require('../base/protocol.js');
const { wrap } = require('./wrap.js');

const { isView } = ArrayBuffer;

/** The bytes of a Buffer that may die, on the heap; anything else as it is. Throws ERR_RALLOC_DEAD_BUFFER. */
function copied(value) {
  if (!isView(value)) return value;
  const holder = value.buffer[kHolder];
  if (holder === undefined) return value;
  const end = holder.take(value, 'dgram');
  const copy = Buffer.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  end();
  return copy;
}

const makeSend = (send) =>
  function (message, ...rest) {
    const data = Array.isArray(message) ? message.map(copied) : copied(message);
    return send.call(this, data, ...rest);
  };

function guardDatagrams() {
  wrap(Socket.prototype, 'send', makeSend);
}

module.exports = { guardDatagrams };
