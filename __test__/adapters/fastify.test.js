'use strict';
// tier: run-time, differs by Node

// What is Fastify's own: instances in instances, prefixes, hooks, injected requests, HTTP/2, and the end of the application.

const test = require('ava');
const http2 = require('node:http2');
const { once } = require('node:events');
const { Readable } = require('node:stream');
const fastify = require('fastify');
const plugin = require('ralloc/fastify');
const { Client } = require('../helpers/client.js');
const { assertSettled } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

const hello = async (request) => request.arena?.from('hello') ?? 'none';

async function listening(t, app) {
  await app.listen({ port: 0, host: '127.0.0.1' });
  t.teardown(() => app.close());
  return app.server.address().port;
}

test('registered at the root, it is there in plugins below, with their prefixes', async (t) => {
  const app = fastify();
  app.register(plugin);
  app.get('/', hello);
  app.register(
    async (api) => {
      api.get('/deep', hello);
      api.register(async (inner) => inner.get('/deeper', hello), { prefix: '/v1' });
    },
    { prefix: '/api' },
  );
  for (const url of ['/', '/api/deep', '/api/v1/deeper']) {
    t.is((await app.inject(url)).body, 'hello', url);
  }
  t.is(app.arenas.stats().finished, 3);
  t.true(app.hasPlugin('ralloc'));
});

test('registered in a plugin, with a prefix and options of register(), it serves that plugin alone', async (t) => {
  const app = fastify();
  let inside;
  app.register(async (api) => {
    api.register(plugin, { prefix: '/ignored', logLevel: 'warn', maxBytesPerRequest: 8192 });
    api.get('/in', hello);
    api.get('/large', async (request) => request.arena.alloc(8193));
    api.after(() => {
      inside = api.arenas;
    });
  });
  app.get('/out', hello);
  t.is((await app.inject('/in')).body, 'hello');
  t.is((await app.inject('/out')).body, 'none');
  t.is((await app.inject('/large')).json().code, 'ERR_RALLOC_LIMIT');
  t.false(app.hasDecorator('arenas'));
  t.is(inside.stats().requests, 2);
});

test('siblings have arenas of their own', async (t) => {
  const app = fastify();
  const seen = [];
  for (const name of ['one', 'two']) {
    app.register(async (child) => {
      child.register(plugin);
      child.get(`/${name}`, hello);
      child.after(() => seen.push(child.arenas));
    });
  }
  t.is((await app.inject('/one')).body, 'hello');
  t.is((await app.inject('/two')).body, 'hello');
  t.deepEqual(
    seen.map((arenas) => arenas.stats().requests),
    [1, 1],
  );
});

test('the arena is there in every hook, in errors and for what is not found', async (t) => {
  const app = fastify();
  app.register(plugin, { context: true });
  const seen = [];
  const note = (name) => async (request) => {
    seen.push([name, request.arena?.owns(request.arena.alloc(8)), app.arenas.current()]);
  };
  app.after(() => {
    for (const hook of ['onRequest', 'preValidation', 'preHandler']) app.addHook(hook, note(hook));
    app.addHook('onSend', async (request) => note('onSend')(request));
    app.post('/', async (request) => {
      await note('handler')(request);
      t.true(seen.every(([, , current]) => current === request.arena));
      throw new Error('thrown');
    });
    app.setErrorHandler((error, request) => request.arena.from(error.message));
    app.setNotFoundHandler(async (request) => request.arena.from('nothing here'));
  });
  const port = await listening(t, app);
  const client = await Client.connect(port);
  const headers = { 'Content-Type': 'application/json' };
  const posted = { method: 'POST', body: Buffer.from('{"some":"json"}'), headers };
  t.is((await client.get('/', posted)).body.toString(), 'thrown');
  t.is((await client.get('/nowhere')).body.toString(), 'nothing here');
  const hooks = ['onRequest', 'preValidation', 'preHandler'];
  t.deepEqual(
    seen.map(([name, owned]) => (owned ? name : `${name} without`)),
    [...hooks, 'handler', 'onSend', ...hooks, 'onSend'],
  );
  await client.destroy();
  await until(() => app.arenas.stats().inFlight === 0);
  assertSettled(t, app.arenas);
});

test('injected requests end at `finish`, also of streams and of what was hijacked', async (t) => {
  const app = fastify();
  app.register(plugin);
  const kept = [];
  app.get('/stream', async ({ arena }) => Readable.from([arena.from('one '), arena.from('two')]));
  app.get('/hijacked', async ({ arena }, reply) => {
    reply.hijack();
    kept.push(arena.from('by itself'));
    reply.raw.end(kept[0]);
  });
  t.is((await app.inject('/stream')).body, 'one two');
  t.is((await app.inject('/hijacked')).body, 'by itself');
  await until(() => app.arenas.stats().inFlight === 0);
  t.is(app.arenas.stats().finished, 2);
  t.is(kept[0].toString(), 'by itself', 'its reader may be slow');
});

test('over HTTP/2 each stream has its arena', async (t) => {
  const app = fastify({ http2: true });
  app.register(plugin);
  const kept = [];
  app.get('/*', async (request) => {
    kept.push(request.arena.from(request.url));
    return kept.at(-1);
  });
  const port = await listening(t, app);
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const streams = ['/a', '/b', '/c'].map((path) => session.request({ ':path': path }));
  const bodies = await Promise.all(streams.map((stream) => stream.toArray()));
  t.deepEqual(
    bodies.map((parts) => Buffer.concat(parts).toString()),
    ['/a', '/b', '/c'],
  );
  session.close();
  await once(session, 'close');
  await until(() => app.arenas.stats().inFlight === 0);
  t.true(kept.every(({ length }) => length === 0));
  assertSettled(t, app.arenas);
});

test('app.close() with a request in flight ends with nothing leased, and closes the arenas', async (t) => {
  const app = fastify();
  app.register(plugin);
  const waiting = [];
  app.get('/', (request, reply) => {
    waiting.push(() => reply.send(request.arena.from('late')));
  });
  const port = await listening(t, app);
  const client = await Client.connect(port);
  client.send('/', { headers: { Connection: 'close' } });
  await until(() => waiting.length === 1);
  const closing = app.close();
  waiting[0]();
  t.is((await client.response()).body.toString(), 'late');
  await closing;
  assertSettled(t, app.arenas);
  t.is(app.arenas.stats().memory.warm, 0, 'it keeps nothing for a next request');
});
