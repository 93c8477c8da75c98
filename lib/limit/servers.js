'use strict';

// Puts the controller under every server of node:http, node:https and node:http2: each emits `request` by net.Server's prototype. What is needed for a limit is loaded as the first server
// listens: npm, a build or a script has no server.

const { AsyncResource } = require('node:async_hooks');
const net = require('node:net');
const { Patches } = require('../base/patches.js');

const patches = new Patches();

/** Whether a request may have a body. */
const mayHaveBody = ({ headers, method, stream }) =>
  headers['content-length'] !== undefined ||
  headers['transfer-encoding'] !== undefined ||
  (stream !== undefined && method !== 'GET' && method !== 'HEAD' && !stream.endAfterHeaders);

/** `onListen(server)` is called for each server that listens, and returns a gate, or undefined for none: { enter(req, res, begin), isLeaving }. */
function install(onListen) {
  let gate;
  const make = (emit) =>
    function emitOrWait(event, ...args) {
      if (event === 'listening') gate = onListen(this);
      if (event !== 'request' || gate === undefined)
        return Reflect.apply(emit, this, [event, ...args]);
      const [req, res] = args;
      // A server of another protocol may have requests of its own.
      if (typeof req?.push !== 'function' || !req.headers || typeof res?.setHeader !== 'function')
        return Reflect.apply(emit, this, [event, ...args]);
      if (gate.isLeaving) res.shouldKeepAlive = false;
      if (!mayHaveBody(req)) return Reflect.apply(emit, this, [event, ...args]);
      gate.enter(
        req,
        res,
        AsyncResource.bind(() => Reflect.apply(emit, this, [event, ...args])),
      );
      return true;
    };
  return patches.method(net.Server.prototype, 'emit', make);
}

module.exports = { install };
