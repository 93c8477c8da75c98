'use strict';

// The middleware of Express 4 and 5, connect, and of node:http as `arenas(req, res, next)`.

const { argumentError, typeError } = require('./base/errors.js');
const { kEndRequest, kOfRequest, kProperties, kRequestArena } = require('./base/protocol.js');
const { RequestArenas } = require('./request/requests.js');

// The property names of all middlewares, of every copy of ralloc in the process. Only where there is more than
// one does a request carry its arena under a symbol as well, which costs Node 20 and 22 some microseconds.
if (globalThis[kProperties] === undefined) {
  Object.defineProperty(globalThis, kProperties, { value: new Set() });
}
const properties = globalThis[kProperties];

/** Makes a middleware that gives every request an arena of its own. */
function requestArena(options) {
  const arenas = new RequestArenas(options);
  const { property } = arenas.settings;
  properties.add(property);

  function middleware(req, res, next) {
    if (property in req && req[property]?.[kOfRequest] !== true) {
      const message = `The property "${property}" of the request is taken. Choose another by "options.property"`;
      next(argumentError(TypeError, message));
      return;
    }
    // A second middleware gives the first one's arena.
    const several = properties.size > 1;
    const first = req[property] ?? (several ? req[kRequestArena] : undefined);
    const arena = first ?? arenas.begin(req, res);
    req[property] = arena;
    if (several) req[kRequestArena] = arena;
    arenas.run(arena, next);
  }

  middleware.end = (req) => {
    if (req === null || typeof req !== 'object') throw typeError('req', 'of type object', req);
    return req[property]?.[kEndRequest]?.() ?? false;
  };
  middleware.stats = () => arenas.stats();
  middleware.current = () => arenas.current();
  middleware.close = () => arenas.close();
  return middleware;
}

module.exports = { requestArena };
