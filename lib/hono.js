'use strict';

// The middlewares of Hono 4: `app.use(requestArena(options))`, `c.get('arena')`, and
// `app.use(admission(options))`. On @hono/node-server the arena ends with Node's response.
// Elsewhere, as with app.request() in a test, nobody tells when the body was read: the request is
// over with its handler, and its memory is used again once V8 has collected the Buffers.

require('./debug/debug.js');
const { frameworkError } = require('./base/errors.js');
const { lazy, loadEarly } = require('./base/lazy.js');
const { kEndRequest, kOfRequest, kRequestArena } = require('./base/protocol.js');
const { checkCalled } = require('./request/messages.js');
const { Mount, SKIPPED } = require('./request/mount.js');

const admissions = lazy(() => require('./admission/admission.js'));

const nothing = { on() {} }; // a response that emits no events

async function runToItsEnd(mount, arena, next) {
  try {
    await mount.run(arena, next);
  } finally {
    arena[kEndRequest]();
  }
}

/** Creates a middleware that gives every context its own arena. */
function requestArena(options, ...rest) {
  checkCalled([options, ...rest], true);
  const mount = new Mount(options, 'hono');
  const { property } = mount;

  function middleware(c, next) {
    // setLayout() came with Hono 4.
    if (typeof c?.setLayout !== 'function') throw frameworkError('hono', 'Hono 4', c);
    const skipped = mount.skipped(c);
    if (skipped === SKIPPED) return next();
    if (skipped !== undefined) throw skipped;
    const first = c.get(property);
    if (first !== undefined && first?.[kOfRequest] !== true) throw mount.takenError();
    const { incoming, outgoing } = c.env ?? {};
    const isOnNode = typeof outgoing?.on === 'function';
    const req = isOnNode ? incoming : c.req.raw;
    const endsHere = !isOnNode && first === undefined && req[kRequestArena] === undefined;
    const arena = mount.arenaFor(first, req, isOnNode ? outgoing : nothing);
    c.set(property, arena);
    return endsHere ? runToItsEnd(mount, arena, next) : mount.run(arena, next);
  }

  middleware.route = (options) => {
    const route = mount.route(options);
    return (c, next) => {
      route.use(c.get(property));
      return next();
    };
  };
  return mount.addMethods(middleware);
}

/**
 * A Response that tells @hono/node-server that `outgoing` was answered already. It must be the
 * platform's own class, as a clone is: a Response of @hono/node-server would be sent.
 */
const answered = () => new Response(null, { headers: { 'x-hono-already-sent': 'true' } }).clone();

/**
 * Creates a middleware that decides which requests with a body are let in. On platforms other than
 * @hono/node-server there is no Node request to watch, so every request is let in.
 */
function admission(options, ...rest) {
  checkCalled([options, ...rest], true, 'admission');
  const { Admission, REFUSED, settled } = admissions();
  const own = new Admission(options);
  return own.addMethods((c, next) => {
    const { incoming, outgoing } = c.env ?? {};
    if (typeof outgoing?.on !== 'function') return next();
    const settle = (outcome) => (outcome === REFUSED ? answered() : next());
    return settled(own.enter(incoming, outgoing), settle);
  });
}

module.exports = { admission, requestArena };

loadEarly(); // in a test runner that drops modules
