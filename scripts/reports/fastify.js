'use strict';

// Large bodies of Fastify, many at once.

const { setTimeout: sleep } = require('node:timers/promises');
const fastify = require('fastify');

const TYPE = 'application/octet-stream';
const app = fastify({ bodyLimit: 50 * 2 ** 20 });
app.addContentTypeParser(TYPE, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.post('/', async (request) => {
  await sleep(100);
  return String(request.body.length);
});
app.ready(() => require('./listen.js')(app.server));
