'use strict';

// Patches the function with which a server begins a request. The channel `http.server.request.start` would be too late on Node 24 and 26: there, what follows the
// first chunk of the body would not belong to the request.

const http = require('node:http');
const net = require('node:net');
const { attempt } = require('../../../lib/base/attempt.js');
const { mayHaveLoaded } = require('../../../lib/base/runtime.js');
const { patchHttp2 } = require('./streams.js');

/** The original: an application may replace it later. */
const { apply } = Reflect;

/** Whether an event of a server begins a request with a response. */
const begins = (event) =>
  event === 'request' || event === 'checkContinue' || event === 'checkExpectation';

/** A stream of HTTP/2. */
const isHttp2 = (stream, headers) =>
  typeof stream?.respond === 'function' && typeof headers?.[':path'] === 'string';

const beginning = (patches, requests) => {
  const seen = new WeakSet(); // prototypes of streams
  const beginStream = (stream, { ':method': method, ':path': url }, original, server, args) => {
    const prototype = Object.getPrototypeOf(stream);
    attempt(() => {
      if (!seen.has(prototype)) patchHttp2(patches, requests, prototype);
      seen.add(prototype);
    });
    return requests.begin(stream, stream, { method, url }, apply, original, server, args);
  };
  // Hot: called for each event of each server. It contains no closure, which would make V8 keep the arguments on the heap.
  return (original) =>
    function emit(...args) {
      const [event, begun, other] = args;
      if (event === 'stream' && isHttp2(begun, other)) {
        return beginStream(begun, other, original, this, args);
      }
      if (!begins(event) || typeof other?.on !== 'function') return apply(original, this, args);
      return requests.begin(begun, other, begun, apply, original, this, args);
    };
};

function patchRequests(patches, requests) {
  const make = beginning(patches, requests);
  patches.method(http.Server.prototype, 'emit', make);
  // If it is loaded, a patch may have given its class an own method, which would bypass the inherited one. Loading it only for this would take 120 KB of heap.
  if (mayHaveLoaded('https')) patches.method(require('node:https').Server.prototype, 'emit', make);
  // Last, because the two above must wrap the original. Servers of http2, and those of https if loaded later, inherit this wrapper.
  patches.method(net.Server.prototype, 'emit', make);
}

module.exports = { patchRequests };
