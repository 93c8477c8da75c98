const { crc32 } = require('node:zlib');
const fastify = require('fastify');

module.exports = async () => {
  const app = fastify({ bodyLimit: 2 * 1024 * 1024 });
  const type = 'application/octet-stream';
  app.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.post('/', (request, reply) => reply.send(`${crc32(request.body)}`));
  await app.ready();
  return app.server;
};
