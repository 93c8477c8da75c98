'use strict';

// The middleware of Koa 3: `app.use(requestArena(options))`, `ctx.arena`.

require('./debug/debug.js');
const { frameworkError } = require('./base/errors.js');
const { exportLater, lazy } = require('./base/lazy.js');
const { checkCalled } = require('./request/messages.js');
const { Mount, SKIPPED } = require('./request/mount.js');

const admissions = lazy(() => require('./admission/koa.js'));

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

module.exports = { admission: undefined, requestArena };

exportLater(module.exports, [[admissions, 'admission()']]);
