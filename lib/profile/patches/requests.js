'use strict';

// Where a server begins with a request. `http.server.request.start` would be too late on Node 24 and 26: what comes after the first chunk
// of the body does not belong to the request there.

const http = require('node:http');

/** Events of a server with a request and its response. */
const BEGINS = new Set(['request', 'checkContinue', 'checkExpectation']);

function patchRequests(patches, requests) {
  const make = (original) =>
    function emit(event, ...args) {
      if (!BEGINS.has(event) || typeof args[1]?.on !== 'function') {
        return original.call(this, event, ...args);
      }
      const act = () => original.call(this, event, ...args);
      return requests.begin(args[0], args[1], act);
    };
  patches.method(http.Server.prototype, 'emit', make);
  try {
    patches.method(require('node:https').Server.prototype, 'emit', make);
  } catch {
    // A Node without crypto.
  }
}

module.exports = { patchRequests };
