'use strict';

// The middleware of Express 4 and 5, connect, and of node:http as `arenas(req, res, next)`.

const { typeError } = require('./base/errors.js');
const { kEndRequest } = require('./base/protocol.js');
const { checkCalled, faultOf, nextError } = require('./request/messages.js');
const { Mount } = require('./request/mount.js');

/** Makes a middleware that gives every request an arena of its own. */
function requestArena(options, ...rest) {
  checkCalled([options, ...rest]);
  const mount = Mount.of(options);
  const { property } = mount;

  function middleware(req, res, next) {
    if (typeof next !== 'function') throw nextError(req, res, next);
    const fault = faultOf(req, res) ?? (mount.isTaken(req) ? mount.takenError() : undefined);
    if (fault !== undefined) {
      next(fault);
      return;
    }
    // A second middleware gives the first one's arena.
    const arena = mount.arenaFor(req[property], req, res);
    req[property] = arena;
    mount.run(arena, next);
  }

  middleware.end = (req) => {
    if (req === null || typeof req !== 'object') throw typeError('req', 'of type object', req);
    return req[property]?.[kEndRequest]?.() ?? false;
  };
  return mount.face(middleware);
}

module.exports = { requestArena };
