'use strict';
// tier: run-time

// A dead Buffer that is sent in release: frameworks answer its error with a 500, or swallow it. The server is told of it, once.

const fastify = require('fastify');
const test = require('ava').serial;
const plugin = require('../../../lib/fastify.js');
const { lineOf, watched } = require('../../helpers/debug.js');
const { turns, until } = require('../../helpers/until.js');
const { warned } = require('../../helpers/warned.js');

/** Asks a server for a page of an earlier request, which Fastify cuts off without a word; `times`. */
async function sendDead(t, times) {
  const app = fastify();
  app.register(plugin);
  let page;
  app.register(async (routes) => {
    routes.get('/page', async (request, reply) => {
      page ??= request.arena.from('page');
      return reply.type('text/plain').send(page);
    });
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => app.close());
  t.is(await (await fetch(`${url}/page`)).text(), 'page');
  await until(() => app.arenas.stats().inFlight === 0);
  for (let i = 0; i < times; i++) await t.throwsAsync(fetch(`${url}/page?key=secret`));
  await turns(2);
  app.server.closeAllConnections();
}

test('debug mode tells it by its report alone', async (t) => {
  const warnings = warned(t, 'RALLOC_DEAD_SENT');
  const reports = watched(t);
  await sendDead(t, 1);
  t.true(reports.some(({ kind }) => kind === 'use-after-reset'));
  t.true(lineOf(reports[0].allocated) > 0);
  t.deepEqual(warnings, []);
});

test('in release the server is told once of a response that was given a dead Buffer', async (t) => {
  const warnings = warned(t, 'RALLOC_DEAD_SENT');
  await sendDead(t, 3);
  t.is(warnings.length, 1);
  const [{ message }] = warnings;
  t.regex(message, /^the response to GET \/page was given a dead Buffer.* its response is over/);
  t.notRegex(message, /secret/);
});
