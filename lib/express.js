'use strict';

// The middleware of Express 4 and 5, connect, and of node:http as `arenas(req, res, next)`.

const { argumentError } = require('./errors.js');
const { RequestArenas } = require('./request-arena.js');

// Registered: a second middleware, also of another copy of ralloc, gives the first one's arena.
const kArena = Symbol.for('ralloc.request.arena');

/** Makes a middleware that gives every request an arena of its own. */
function requestArena(options) {
  const arenas = new RequestArenas(options);
  const { property } = arenas.settings;

  function middleware(req, res, next) {
    const first = req[kArena];
    if (first !== undefined) {
      req[property] ??= first;
      next();
      return;
    }
    if (property in req) {
      const message = `The property "${property}" of the request is taken. Choose another by "options.property"`;
      next(argumentError(TypeError, message));
      return;
    }
    const arena = arenas.begin(req, res);
    req[kArena] = arena;
    req[property] = arena;
    arenas.run(arena, next);
  }

  middleware.stats = () => arenas.stats();
  middleware.current = () => arenas.current();
  middleware.close = () => arenas.close();
  return middleware;
}

module.exports = { requestArena };
