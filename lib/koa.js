'use strict';

// The middlewares of Koa 3: `app.use(requestArena(options))`, `ctx.arena`, and
// `app.use(admission(options))`.

require('./debug/debug.js');
const { frameworkError } = require('./base/errors.js');
const { lazy, loadEarly } = require('./base/lazy.js');
const { checkCalled } = require('./request/messages.js');
const { Mount, SKIPPED } = require('./request/mount.js');

const admissions = lazy(() => require('./admission/admission.js'));

/** Creates a middleware that gives every context its own arena. */
function requestArena(options, ...rest) {
  checkCalled([options, ...rest], true);
  const mount = new Mount(options, 'koa');
  const { property } = mount;

  function middleware(ctx, next) {
    // back() came with Koa 3.
    if (typeof ctx?.back !== 'function') throw frameworkError('koa', 'Koa 3', ctx);
    const skipped = mount.skipped(ctx);
    if (skipped === SKIPPED) return next();
    if (skipped !== undefined) throw skipped;
    if (mount.isTaken(ctx)) throw mount.takenError();
    const arena = mount.arenaFor(ctx[property], ctx.req, ctx.res);
    const fault = mount.give(ctx, arena);
    if (fault !== undefined) throw fault;
    return mount.run(arena, next);
  }

  middleware.route = (options) => {
    const route = mount.route(options);
    return (ctx, next) => {
      route.use(ctx?.[property]);
      return next();
    };
  };
  return mount.addMethods(middleware);
}

/** Creates a middleware that decides which requests with a body are let in. */
function admission(options, ...rest) {
  checkCalled([options, ...rest], true, 'admission');
  const { Admission, REFUSED, settled } = admissions();
  const own = new Admission(options);
  return own.addMethods((ctx, next) => {
    const settle = (outcome) => {
      if (outcome !== REFUSED) return next();
      ctx.respond = false;
    };
    return settled(own.enter(ctx.req, ctx.res), settle);
  });
}

module.exports = { admission, requestArena };

loadEarly(); // in a test runner that drops modules
