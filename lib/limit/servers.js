'use strict';

// Puts the controller under every server of node:http, node:https and node:http2: each emits
// `request` by net.Server's prototype. What is needed for a limit is loaded as the first server
// listens: npm, a build or a script has no server.

const net = require('node:net');
const { Patches } = require('../base/patches.js');

const patches = new Patches();

/** A server of another protocol may have requests of its own. */
const isHttp = (req, res) =>
  typeof req?.push === 'function' && Boolean(req.headers) && typeof res?.setHeader === 'function';

/** Whether a request may have a body. */
const mayHaveBody = ({ headers, method, stream }) =>
  headers['content-length'] !== undefined ||
  headers['transfer-encoding'] !== undefined ||
  (stream !== undefined && method !== 'GET' && method !== 'HEAD' && !stream.endAfterHeaders);

/**
 * `onListen(server)` is called for each server that listens, and returns a gate, or undefined for
 * none: { enter(req, res, begin), leaving }.
 */
function install(onListen) {
  let gate;
  const make = (emit) =>
    function emitOrWait(...args) {
      const [event, req, res] = args;
      const pass = () => Reflect.apply(emit, this, args);
      if (event === 'listening') gate = onListen(this);
      if (event !== 'request' || gate === undefined || !isHttp(req, res)) return pass();
      if (gate.leaving?.reason !== undefined) {
        gate.leaving.comes();
        res.shouldKeepAlive = false;
      }
      if (!mayHaveBody(req)) return pass();
      gate.enter(req, res, pass);
      return true;
    };
  return patches.method(net.Server.prototype, 'emit', make);
}

module.exports = { install };
