const { crc32 } = require('node:zlib');
const fastify = require('fastify');

module.exports = async () => {
  const app = fastify({ bodyLimit: 2 * 1024 * 1024 });
  app.register(require('ralloc/fastify'), { body: true });
  app.post('/', (request, reply) => reply.send(`${crc32(request.body)}`));
  await app.ready();
  return app.server;
};
