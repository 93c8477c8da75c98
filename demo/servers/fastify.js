'use strict';

const fastify = require('fastify');
const requestArena = require('../../lib/fastify.js');
const { forwarder, isAnswer } = require('./forward.js');
const { readers } = require('./gather.js');

function leasing(app, lease) {
  app.decorateRequest('arena', null);
  app.addHook('onRequest', (request, reply, done) => {
    request.arena = lease(reply.raw);
    done();
  });
}

module.exports = async (lease, handlers) => {
  const forward = forwarder(lease);
  const app = fastify();
  if (lease === null) app.register(requestArena);
  else leasing(app, lease);
  app.addContentTypeParser('*', (_request, stream, done) => done(null, stream));
  for (const [name, handle] of Object.entries(handlers)) {
    app.route({
      method: ['GET', 'POST'],
      url: `/${name}/:id/:form?`,
      handler: async (request, reply) => {
        const { arena, params, body } = request;
        const [id, whole] = [Number(params.id), params.form === 'whole'];
        const given = await handle(arena, { id, whole, ...readers(body, arena) });
        if (!isAnswer(given)) return reply.send(given);
        reply.hijack();
        return forward(given, reply.raw);
      },
    });
  }
  app.setErrorHandler((err, _request, reply) => reply.code(500).send(err.stack));
  await app.ready();
  return { server: app.server, stats: app.arenas?.stats };
};
