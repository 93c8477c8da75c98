'use strict';

// The middleware of Koa 3: `app.use(requestArena(options))`, `ctx.arena`.

const { frameworkError } = require('./base/errors.js');
const { checkCalled } = require('./request/messages.js');
const { Mount } = require('./request/mount.js');

/** Makes a middleware that gives every context an arena of its own. */
function requestArena(options, ...rest) {
  checkCalled([options, ...rest]);
  const mount = new Mount(options, 'koa');
  const { property } = mount;

  function middleware(ctx, next) {
    // back() came with Koa 3.
    if (typeof ctx?.back !== 'function') throw frameworkError('koa', 'Koa 3', ctx);
    if (mount.isTaken(ctx)) throw mount.takenError();
    const arena = mount.arenaFor(ctx[property], ctx.req, ctx.res);
    ctx[property] = arena;
    return mount.run(arena, next);
  }

  return mount.face(middleware);
}

module.exports = { requestArena };
