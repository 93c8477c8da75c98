'use strict';

// Hono itself knows bodies as web streams and ArrayBuffers: there the bytes of a POST are on V8's heap whatever the allocator.

const { createAdaptorServer } = require('@hono/node-server');
const { RESPONSE_ALREADY_SENT } = require('@hono/node-server/utils/response');
const { Hono } = require('hono');
const { requestArena } = require('../../lib/hono.js');
const { forwarder, isAnswer } = require('./forward.js');
const { readers } = require('./gather.js');

const leasing = (lease) => async (c, next) => {
  c.set('arena', lease(c.env.outgoing));
  await next();
};

function readersOf(c, arena) {
  if (arena.body !== undefined) return readers(null, arena);
  return {
    body: async () => Buffer.from(await c.req.arrayBuffer()),
    async each(take) {
      for await (const chunk of c.req.raw.body) take(chunk);
    },
  };
}

module.exports = (lease, handlers) => {
  const arenas = lease === null ? requestArena() : leasing(lease);
  const forward = forwarder(lease);
  const app = new Hono();
  app.use(arenas);
  for (const [name, handle] of Object.entries(handlers)) {
    app.all(`/${name}/:id/:form?`, async (c) => {
      const { id, form } = c.req.param();
      const arena = c.get('arena');
      const asked = { id: Number(id), whole: form === 'whole', ...readersOf(c, arena) };
      const given = await handle(arena, asked);
      if (!isAnswer(given)) return c.body(given);
      await forward(given, c.env.outgoing);
      return RESPONSE_ALREADY_SENT;
    });
  }
  app.onError((err, c) => c.text(err.stack, 500));
  return { server: createAdaptorServer({ fetch: app.fetch }), stats: arenas.stats };
};
