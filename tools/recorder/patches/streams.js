'use strict';

// Records the chunks that Node's bindings allocate when they read HTTP messages, sockets and pipes, or cipher a stream. Chunks of other streams are allocated
// by functions that the recorder patches already.

const crypto = require('node:crypto');
const http = require('node:http');
const net = require('node:net');
const { mayHaveLoaded } = require('../../../lib/base/runtime.js');
const { countdown, sampledChunk } = require('../sampling.js');

const { isView } = ArrayBuffer;

function see(stream, chunk, kindOf) {
  if (!isView(chunk)) return;
  const size = chunk.byteLength;
  const left = countdown[0] - size;
  countdown[0] = left;
  if (left < 0) sampledChunk(chunk, size, kindOf(stream), stream);
}

/** A message that a client received has the field `req`. */
const kindOfMessage = (message) => (message.req ? 'http response' : 'http');
const kindOfSocket = (socket) => (socket._handle?.constructor.name === 'Pipe' ? 'pipe' : 'net');

const kindOfHttp2 = () => 'http2';
const kindOfDatagram = () => 'udp';
const kindOfCipher = () => 'crypto';

const push = (original, stream, chunk, encoding) => original.call(stream, chunk, encoding);

/** Wraps push() of a stream that belongs to no request. */
const seeing = (kindOf) => (original) =>
  function pushed(chunk, encoding) {
    see(this, chunk, kindOf);
    return original.call(this, chunk, encoding);
  };

/** Whether this is the end of a message that nobody listens to, such as a GET: a context for it would cost two objects and half a µs a request. */
const isUnheard = (stream, chunk) =>
  chunk === null && stream.listenerCount('end') === 0 && stream.listenerCount('readable') === 0;

/** Wraps push() so that chunks count for their request. */
const pushing = (requests, kindOf) => (original) =>
  function pushed(chunk, encoding) {
    see(this, chunk, kindOf);
    const request = requests.of(this);
    if (request === undefined || isUnheard(this, chunk))
      return original.call(this, chunk, encoding);
    return requests.run(request, push, original, this, chunk, encoding);
  };

function patchStreams(patches, requests) {
  patches.method(http.IncomingMessage.prototype, 'push', pushing(requests, kindOfMessage));
  patches.method(net.Socket.prototype, 'push', seeing(kindOfSocket));
  for (const { prototype } of [crypto.Cipheriv, crypto.Decipheriv]) {
    patches.method(prototype, 'push', seeing(kindOfCipher));
  }
}

const emitting = (original) =>
  function emit(event, ...args) {
    if (event === 'message') see(this, args[0], kindOfDatagram);
    return original.call(this, event, ...args);
  };

/** Patches sockets of UDP once the application has loaded them; returns whether it has. Loading them only for this would take 60 KB of heap. */
function patchDatagrams(patches) {
  return (
    mayHaveLoaded('dgram') &&
    patches.method(require('node:dgram').Socket.prototype, 'emit', emitting)
  );
}

/** The class of HTTP/2 streams is not exported: `prototype` comes from a stream. */
function patchHttp2(patches, requests, prototype) {
  patches.method(prototype, 'push', pushing(requests, kindOfHttp2));
}

module.exports = { patchDatagrams, patchStreams, patchHttp2 };
