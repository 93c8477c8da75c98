'use strict';

const http = require('node:http');
const Koa = require('koa');
const { requestArena } = require('../../lib/koa.js');
const { forwarder, isAnswer } = require('./forward.js');
const { readers } = require('./gather.js');

const leasing = (lease) => (ctx, next) => {
  ctx.arena = lease(ctx.res);
  return next();
};

module.exports = (lease, handlers) => {
  const arenas = lease === null ? requestArena() : leasing(lease);
  const forward = forwarder(lease);
  const app = new Koa();
  app.silent = true; // what a handler throws is answered below: the rest is clients that have gone
  app.use(arenas);
  app.use(async (ctx) => {
    const { arena, req } = ctx;
    const [, name, id, form] = ctx.path.split('/');
    try {
      const asked = { id: Number(id), whole: form === 'whole', ...readers(req, arena) };
      const given = await handlers[name](arena, asked);
      ctx.respond = !isAnswer(given);
      if (ctx.respond) ctx.body = given;
      else await forward(given, ctx.res);
    } catch (err) {
      ctx.status = 500;
      ctx.body = err.stack;
    }
  });
  return { server: http.createServer(app.callback()), stats: arenas.stats };
};
