'use strict';

// node:http, https and the compatibility API of http2: the middleware, and `arenas.wrap(handler)` around a listener of 'request'.

const check = require('./base/validate.js');
const express = require('./express.js');

/** Makes the middleware, which needs no framework, with wrap(). */
function requestArena(...options) {
  const arenas = express.requestArena(...options);

  /** A listener that calls `handler` with the same arguments once the request has its arena, and returns its result. */
  arenas.wrap = (handler) => {
    check.func(handler, 'handler');
    return function wrapped(req, res, ...rest) {
      let result;
      arenas(req, res, (error) => {
        if (error !== undefined) throw error;
        result = handler.call(this, req, res, ...rest);
      });
      return result;
    };
  };
  return arenas;
}

module.exports = { requestArena };
