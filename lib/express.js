'use strict';

// The middlewares of Express 4 and 5, connect, and of node:http as `arenas(req, res, next)`.

require('./debug/debug.js');
const { typeError } = require('./base/errors.js');
const { lazy } = require('./base/lazy.js');
const { kEndRequest } = require('./base/protocol.js');
const { checkCalled, faultOf, nextError } = require('./request/messages.js');
const { Mount, SKIPPED } = require('./request/mount.js');

const rawBodies = lazy(() => require('./request/raw-body.js'));

/** Creates a middleware that gives every request its own arena. */
function requestArena(options, ...rest) {
  checkCalled([options, ...rest]);
  const mount = Mount.of(options);
  const { property } = mount;

  function middleware(req, res, next) {
    if (typeof next !== 'function') throw nextError(req, res, next);
    const fault = mount.enter(req, res);
    if (fault === undefined && mount.hasContext) mount.run(req[property], next);
    else if (fault === undefined || fault === SKIPPED) next();
    else next(fault);
  }

  middleware.route = (options) => {
    const route = mount.route(options);
    return (req, res, next) => {
      if (typeof next !== 'function') throw nextError(req, res, next);
      const fault = faultOf(req, res) ?? route.faultOf(req[property]);
      if (fault === undefined) next();
      else next(fault);
    };
  };

  middleware.end = (req) => {
    if (req === null || typeof req !== 'object') throw typeError('req', 'of type object', req);
    return req[property]?.[kEndRequest]?.() ?? false;
  };
  return mount.addMethods(middleware);
}

/** Creates a middleware that replaces express.raw(). */
function rawBody(options) {
  return rawBodies().rawBody(options);
}

module.exports = { rawBody, requestArena };
