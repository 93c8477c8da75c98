'use strict';

// node:http, https and the compatibility API of http2: the middleware, and `arenas.wrap(handler)`
// around a listener of 'request'.

const check = require('./base/validate.js');
const express = require('./express.js');
const { checkCalled } = require('./request/messages.js');
const { Mount, SKIPPED } = require('./request/mount.js');

/** Creates the middleware, with wrap(). It needs no framework. */
function requestArena(options, ...rest) {
  checkCalled([options, ...rest]);
  const mount = Mount.of(options);
  const arenas = express.requestArena(mount);
  const { route } = arenas;
  const enter = (req, res) => mount.enter(req, res);
  arenas.wrap = wrapIn(mount, enter);
  arenas.route = (options) => {
    const change = route(options);
    change.wrap = wrapIn(mount, (req, res) => {
      let fault = enter(req, res);
      if (fault === undefined) {
        change(req, res, (error) => {
          fault = error;
        });
      }
      return fault;
    });
    return change;
  };
  return arenas;
}

/**
 * Creates a listener that calls `handler` with the same arguments once `enter` has given the
 * request its arena, and returns its result. Passing a callback to the middleware instead would
 * cost each request 20 ns and 200 bytes.
 */
const wrapIn = (mount, enter) => (handler) => {
  check.func(handler, 'handler');
  return function wrapped(req, res, ...rest) {
    const fault = enter(req, res);
    if (fault !== undefined && fault !== SKIPPED) throw fault;
    if (fault === undefined && mount.hasContext) {
      return callIn(mount, handler, this, [req, res, ...rest]);
    }
    return handler.call(this, req, res, ...rest);
  };
};

const callIn = (mount, handler, self, args) =>
  mount.run(args[0][mount.property], () => Reflect.apply(handler, self, args));

module.exports = { requestArena };
