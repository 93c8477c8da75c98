'use strict';

// The part `memory-limit` of ralloc/auto: where RALLOC_MEMORY_LIMIT names a limit, lib/limit/ under
// every server of node:http, node:https and node:http2, which all emit `request` by net.Server's
// prototype. What is needed for a limit is loaded as the first server listens: npm, a build or a
// script has no server.

const net = require('node:net');
const { counted, formatBytes, whole } = require('../base/bytes.js');
const { Patches } = require('../base/patches.js');
const { isMainThread } = require('../base/runtime.js');

const patches = new Patches();

/** A server of another protocol may have requests of its own. */
const isHttp = (req, res) =>
  typeof req?.push === 'function' && Boolean(req.headers) && typeof res?.setHeader === 'function';

/** Whether a request may have a body. */
const mayHaveBody = ({ headers, method, stream }) =>
  headers['content-length'] !== undefined ||
  headers['transfer-encoding'] !== undefined ||
  (stream !== undefined && method !== 'GET' && method !== 'HEAD' && !stream.endAfterHeaders);

let running; // the Limit; null: there is none, for a wrong value

/** Called for each server that listens. */
function listens(server) {
  if (running === undefined) {
    const limit = require('../limit/setting.js').limitHere();
    running = limit === undefined ? null : new (require('../limit/start.js').Limit)(limit);
    // Who has a limit wants to know what filled it.
    if (running) require('../flight/environment.js').beginHere({ isDefault: true });
  }
  running?.listens(server);
}

const make = (emit) =>
  function emitOrWait(...args) {
    const [event, req, res] = args;
    const pass = () => Reflect.apply(emit, this, args);
    if (event === 'listening') listens(this);
    if (event !== 'request' || !running || !isHttp(req, res)) return pass();
    if (running.leaving?.reason !== undefined) {
      running.leaving.comes();
      res.shouldKeepAlive = false;
    }
    if (!mayHaveBody(req)) return pass();
    running.controller.enter(req, res, pass);
    return true;
  };

/** Begins, or returns why not: the limit is of the process, whose main thread keeps it. */
function begin() {
  if (!isMainThread) return 'a worker';
  return patches.method(net.Server.prototype, 'emit', make) || 'net.Server changed';
}

function tell() {
  if (!running) return 'no server has listened';
  const { limit, peak, waited, stops, cut, refused, clientsCut } = running.stats();
  const all = whole(refused[413] + refused[503]);
  return `at most ${formatBytes(peak)} of ${formatBytes(limit)}; ${counted(waited, 'request')} waited, ${counted(stops, 'stop')} of bodies, ${all} refused, ${whole(cut + clientsCut)} cut off`;
}

module.exports = { begin, tell };
