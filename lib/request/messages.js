'use strict';

// A middleware must be called with Node's own request and response. Frameworks hand out objects of
// their own, with Node's inside; the error says where.

const { argumentError, frameworkError, mountedError, typeError } = require('../base/errors.js');
const { kMounted } = require('../base/protocol.js');

const isObject = (value) => value !== null && typeof value === 'object';
const isEmitter = (value) => isObject(value) && typeof value.on === 'function';
const ends = (value) => typeof value.end === 'function';

/** For each framework: where its objects have Node's request, and what to do instead. */
const FRAMEWORKS = [
  ['Hono', (c) => c.env?.incoming, 'use ralloc/hono'],
  ['h3 and Nitro', (event) => event.node?.req, 'pass event.node.req, event.node.res'],
  ['hapi', (request) => request.raw?.req, 'pass request.raw.req, request.raw.res'],
  ['Fastify', (request) => request.raw, 'use ralloc/fastify'],
  ['Fastify', (app) => app.decorateRequest && app.server, 'register ralloc/fastify'],
  ['Koa', (ctx) => ctx.req, 'use ralloc/koa'],
];

/** `. In Koa use ralloc/koa`, if `value` belongs to a known framework. */
function hint(value) {
  if (!isObject(value)) return '';
  const found = FRAMEWORKS.find(([, requestOf]) => isEmitter(requestOf(value)));
  return found === undefined ? '' : `. In ${found[0]} ${found[2]}`;
}

function wrong(name, expected, value, of) {
  const error = typeError(name, `Node's own ${expected}`, value);
  error.message += hint(of);
  return error;
}

/** The error for a request or response that is not Node's; undefined if they are right. */
function faultOf(req, res) {
  if (isObject(req) && isEmitter(res)) {
    if (!ends(req) || ends(res)) return undefined;
    return argumentError(TypeError, 'The request comes first, then the response: (req, res, next)');
  }
  return isEmitter(req)
    ? wrong('res', 'response (http.ServerResponse)', res, req)
    : wrong('req', 'request (http.IncomingMessage)', req, req);
}

/**
 * The error for a middleware that was called without next(), usually by another framework's
 * app.use().
 */
function nextError(req, res, next) {
  const fault = faultOf(req, res);
  if (fault !== undefined) return fault;
  const error = typeError('next', 'of type function', next);
  error.message += '. For a listener of node:http use requestArena().wrap(handler) of ralloc/http';
  return error;
}

/**
 * Throws if requestArena itself, or `name`, was mounted, so that it is called with the `args` of a
 * middleware. `own`: in its own framework.
 */
function checkCalled(args, own = false, name = 'requestArena') {
  const [req] = args;
  const hasNext = args.length > 1 && typeof args.at(-1) === 'function';
  const where = hint(req);
  if (!hasNext && !isEmitter(req) && where === '') return;
  const message = `${name}() makes a middleware, and was used as one. Call it once: app.use(${name}())`;
  throw argumentError(TypeError, own ? message : message + where);
}

/**
 * Throws if Fastify's plugin was not called by register(), which passes an application and options.
 */
function checkRegistered(app, args) {
  if (typeof app?.register === 'function') return;
  if (args.length > 0) throw frameworkError('fastify', 'Fastify 5', app, app?.version);
  throw argumentError(
    TypeError,
    "The plugin of ralloc/fastify was called. Give it to register() instead: app.register(require('ralloc/fastify'), options)",
  );
}

/** Throws if the Fastify application has another major version. */
function checkVersion(app) {
  if (Number.parseInt(app.version, 10) !== 5) {
    throw frameworkError('fastify', 'Fastify 5', app, app.version);
  }
}

/** Like checkVersion(), and throws if the plugin is already registered. */
function checkApplication(app) {
  checkVersion(app);
  if (app.arenas?.[kMounted] === true) throw mountedError('app.arenas');
  if (app.hasDecorator('arenas')) {
    throw argumentError(TypeError, 'The name "arenas" of the application is taken');
  }
}

module.exports = {
  faultOf,
  nextError,
  checkApplication,
  checkCalled,
  checkRegistered,
  checkVersion,
};
