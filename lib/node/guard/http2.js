'use strict';

// Responses of HTTP/2, by the compatibility API. What is written to them goes to their stream at
// once, which holds it. But a dead chunk would reach that behind the headers, and destroy it: here
// it throws before anything is sent.
//
// To load http2 takes 10 ms and more, and a megabyte. So it is not loaded for this: who has a
// server of it has loaded it.

const net = require('node:net');
const { kHolder } = require('../../base/protocol.js');
const { refused } = require('./refused.js');
const { wrap } = require('../../base/wrap.js');

const { isView } = ArrayBuffer;

/**
 * Throws for a dead chunk. If the headers are already sent, also ends the stream, as http.js ends
 * the connection.
 */
function check(response, chunk) {
  const holder = isView(chunk) ? chunk.buffer[kHolder] : undefined;
  if (holder === undefined || (chunk.byteLength > 0 && !holder.isFreed?.(chunk))) return;
  try {
    holder.take(chunk, 'http', response)();
  } catch (error) {
    refused(response, error);
    if (response.headersSent) response.stream.destroy(error);
    throw error;
  }
}

const makeWrite = (write) =>
  function (chunk, encoding, callback) {
    check(this, chunk);
    return write.call(this, chunk, encoding, callback);
  };

let isGuarded = false;

function guardResponses() {
  if (isGuarded) return;
  // Not require(): a closure that stays installed would keep it, and with it all of this copy of
  // ralloc.
  const { Http2ServerResponse } = process.getBuiltinModule('node:http2');
  wrap(Http2ServerResponse.prototype, 'write', makeWrite); // end() calls it
  isGuarded = true;
}

const isLoaded = () => process.moduleLoadList?.includes('NativeModule http2');

function isOfHttp2(server) {
  for (let one = server; one; one = Object.getPrototypeOf(one)) {
    if (/^Http2(?:Secure)?Server$/.test(one.constructor?.name)) return true;
  }
  return false;
}

const makeListen = (listen) =>
  function (...args) {
    if (isOfHttp2(this)) guardResponses();
    return Reflect.apply(listen, this, args);
  };

function guardHttp2() {
  if (isLoaded()) guardResponses();
  else wrap(net.Server.prototype, 'listen', makeListen);
}

module.exports = { guardHttp2 };
