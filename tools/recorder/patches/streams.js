'use strict';

// Records the chunks that Node's bindings allocate when they read HTTP messages, sockets and pipes,
// or cipher a stream. Chunks of other streams are allocated by functions that the recorder patches
// already.
//
// Patches also the function with which a server begins a request. The channel
// `http.server.request.start` would be too late on Node 24 and 26: there, what follows the first
// chunk of the body would not belong to the request.

const http = require('node:http');
const net = require('node:net');
const { attempt } = require('../../../lib/base/attempt.js');
const { originalOf } = require('../../../lib/base/patches.js');
const { mayHaveLoaded } = require('../../../lib/base/runtime.js');
const { whenLoaded } = require('../late.js');
const { countdown, sampledChunk } = require('../sampling.js');

/** The originals: an application may replace them later. */
const { isView } = ArrayBuffer;
const { apply, getPrototypeOf } = Reflect;

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

/**
 * Whether this is the end of a message that nobody listens to, such as a GET: a context for it
 * would cost two objects and half a µs a request.
 */
const isUnheard = (stream, chunk) =>
  chunk === null && stream.listenerCount('end') === 0 && stream.listenerCount('readable') === 0;

/** Wraps push() so that chunks count for their request. */
const pushing = (requests, kindOf) => (original) =>
  function pushed(chunk, encoding) {
    see(this, chunk, kindOf);
    const request = requests.of(this);
    if (request === undefined || isUnheard(this, chunk))
      return original.call(this, chunk, encoding);
    return requests.run(this, request, push, original, this, chunk, encoding);
  };

/**
 * Wraps emit() of responses, which `domain` may replace where they inherit it. A listener of
 * `close` would count among the application's, of which Node warns from eleven on.
 */
const closing = (requests, prototype) => (original) => {
  const home = Object.hasOwn(prototype, 'emit') ? { emit: original } : getPrototypeOf(prototype);
  // Hot: three events of each request. Without other arguments V8 inlines the call.
  return function emit(event, ...args) {
    if (event === 'close') requests.finish(this);
    return args.length === 0
      ? home.emit.call(this, event)
      : apply(home.emit, this, [event, ...args]);
  };
};

/** Whether an event of a server begins a request with a response. */
const begins = (event) =>
  event === 'request' || event === 'checkContinue' || event === 'checkExpectation';

/** A stream of HTTP/2. */
const isHttp2 = (stream, headers) =>
  typeof stream?.respond === 'function' && typeof headers?.[':path'] === 'string';

const beginning = (patches, requests) => {
  const seen = new WeakSet(); // prototypes of streams of HTTP/2, whose class is not exported
  const patchHttp2 = (prototype) => {
    if (!patches.method(prototype, 'push', pushing(requests, kindOfHttp2))) return;
    const { Http2ServerResponse } = require('node:http2');
    for (const one of [prototype, Http2ServerResponse.prototype])
      if (originalOf(one.emit) === undefined) patches.method(one, 'emit', closing(requests, one));
  };
  const beginStream = (stream, { ':method': method, ':path': url }, original, server, args) => {
    const prototype = getPrototypeOf(stream);
    attempt(() => {
      if (!seen.has(prototype)) patchHttp2(prototype);
      seen.add(prototype);
    });
    const request = requests.begin(stream, stream, { method, url });
    return requests.within(stream, request, apply, original, server, args);
  };
  // Hot: called for each event of each server. It contains no closure, which would make V8 keep the
  // arguments on the heap.
  return (original) =>
    function emit(...args) {
      const [event, begun, other] = args;
      if (event === 'stream' && isHttp2(begun, other)) {
        return beginStream(begun, other, original, this, args);
      }
      // Servers of other protocols may have events of these names.
      if (!begins(event) || typeof other?.on !== 'function' || typeof begun?.method !== 'string')
        return apply(original, this, args);
      const request = requests.begin(begun, other, begun);
      if (args.length === 3 && requests.enter(begun, request))
        return original.call(this, event, begun, other); // V8 inlines it
      return requests.within(begun, request, apply, original, this, args);
    };
};

const emitting = (original) =>
  function emit(event, ...args) {
    if (event === 'message') see(this, args[0], kindOfDatagram);
    return original.call(this, event, ...args);
  };

function patchStreams(patches, requests) {
  patches.method(http.IncomingMessage.prototype, 'push', pushing(requests, kindOfMessage));
  const { prototype } = http.ServerResponse;
  patches.method(prototype, 'emit', closing(requests, prototype));
  patches.method(net.Socket.prototype, 'push', seeing(kindOfSocket));
  whenLoaded('crypto', () => {
    const { Cipheriv, Decipheriv } = require('node:crypto');
    for (const { prototype } of [Cipheriv, Decipheriv])
      patches.method(prototype, 'push', seeing(kindOfCipher));
  });
  const make = beginning(patches, requests);
  patches.method(http.Server.prototype, 'emit', make);
  // If it is loaded, a patch may have given its class an own method, which would bypass the
  // inherited one. Loading it only for this would take 120 KB of heap.
  if (mayHaveLoaded('https')) patches.method(require('node:https').Server.prototype, 'emit', make);
  // Last, because the two above must wrap the original. Servers of http2, and those of https if
  // loaded later, inherit this wrapper.
  patches.method(net.Server.prototype, 'emit', make);
  const patchDatagrams = () =>
    patches.method(require('node:dgram').Socket.prototype, 'emit', emitting);
  whenLoaded('dgram', patchDatagrams, { canMiss: true });
}

module.exports = { patchStreams };
