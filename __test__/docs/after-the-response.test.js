'use strict';
// tier: tools

// The programs of docs/guide/requests.md, run as they stand and asked over real connections, and
// how the server of docs/guide/production.md shuts down.

const test = require('ava');
const { once } = require('node:events');
const http = require('node:http');
const { serve } = require('../helpers/ask.js');
const { programs, runProgram } = require('../helpers/snippets.js');
const { letGo, until } = require('../helpers/until.js');

const shown = programs('docs/guide/requests.md');
const production = programs('docs/guide/production.md').find(
  ({ heading }) => heading === 'A production server',
);

/**
 * Runs the program under a heading, in a process with these variables, and other globals: what it
 * declares by these names.
 */
async function run(t, heading, names, env = {}, globals = {}) {
  const program = shown.find((candidate) => candidate.heading === heading);
  const given = { process: Object.assign(Object.create(process), { env, once() {} }), ...globals };
  return await runProgram(t, program, { given, names });
}

async function released(t, arenas) {
  await until(() => arenas.stats().inFlight === 0);
  await letGo(arenas);
  const { memory, heapRequests, lateBuffers } = arenas.stats();
  t.deepEqual([memory.leased, heapRequests, lateBuffers], [0, 0, 0]);
}

const idsOf = (text) =>
  [...text.matchAll(/^id: (\d+)\ndata: the time is \d+\n\n/gm)].map(([, id]) => Number(id));

test('events: a stream ends at its deadline, goes on from the last id, and uses one piece of memory', async (t) => {
  const env = { EVENTS_LIFETIME_MS: '500', EVENTS_INTERVAL_MS: '1' };
  // The time is up when the test says so: a busy machine may send but one event in half a second.
  const deadline = new AbortController();
  const lifetimes = [];
  const timeout = (ms) => {
    lifetimes.push(ms);
    return deadline.signal;
  };
  const globals = { AbortSignal: { any: (signals) => AbortSignal.any(signals), timeout } };
  const { app, arenas } = await run(
    t,
    'Server-sent events with a deadline',
    ['app', 'arenas'],
    env,
    globals,
  );
  const url = await serve(t, app);
  const response = await fetch(`${url}/events`, { headers: { 'last-event-id': '41' } });
  t.is(response.headers.get('content-type'), 'text/event-stream');
  let text = '';
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    text += part; // to its end
    if (idsOf(text).length > 20) deadline.abort();
  }
  t.deepEqual(lifetimes, [500]);
  const ids = idsOf(text);
  t.true(ids.length > 20);
  t.deepEqual(
    ids,
    ids.map((_, index) => 42 + index),
  );
  t.is(text.replace(/id: \d+\ndata: the time is \d+\n\n/g, ''), '', 'events, and nothing else');
  await released(t, arenas);
  t.true(arenas.stats().memory.peak <= 2 * arenas.stats().chunkSize + 65_536);
});

test('events: a client that goes away ends its stream long before the deadline', async (t) => {
  const env = { EVENTS_LIFETIME_MS: '3600000', EVENTS_INTERVAL_MS: '3600000' };
  const heading = 'Server-sent events with a deadline';
  const { app, arenas } = await run(t, heading, ['app', 'arenas'], env);
  const url = await serve(t, app);
  const [response] = await once(http.get(`${url}/events`), 'response');
  const [chunk] = await once(response, 'data');
  t.deepEqual(idsOf(String(chunk)), [1]);
  response.destroy();
  await released(t, arenas);
  t.is(arenas.stats().aborted, 1);
});

/**
 * The server of production.md, with this time for what is in flight, and a route whose response
 * does not end.
 */
async function runServer(t, graceMs) {
  const code = production.code.replace('10_000', graceMs);
  const given = {
    process: Object.assign(Object.create(process), { env: { PORT: '0' }, once() {}, on() {} }),
  };
  const names = ['app', 'server', 'arenas', 'shutDown'];
  const result = await runProgram(t, { ...production, code }, { given, names });
  result.app.get('/forever', (req, res) => {
    res.write(req.arena.from('this response does not end by itself'));
  });
  return { ...result, url: await serve(t, result.server) };
}

test('shutdown: a response that does not end is cut off when the time is up', async (t) => {
  const { server, arenas, shutDown, url } = await runServer(t, '50');
  t.is(await (await fetch(`${url}/health`)).text(), 'ok');
  const [response] = await once(http.get(`${url}/forever`), 'response');
  const [chunk] = await once(response, 'data');
  t.is(String(chunk), 'this response does not end by itself');
  const cut = once(response, 'error');
  const closed = once(server, 'close');
  await shutDown();
  t.is((await cut)[0].code, 'ECONNRESET');
  await closed;
  await released(t, arenas);
});

test('after the response: what is held is whole, whatever comes in its place', async (t) => {
  const names = ['server', 'arenas', 'log'];
  const { server, arenas, log } = await run(t, 'Work that goes on after the response', names);
  const url = await serve(t, server);
  const paths = Array.from({ length: 20 }, (_, index) => `/order/${index}`);
  for (const path of paths) t.is((await fetch(url + path)).status, 202);
  await until(() => log.length === paths.length);
  t.deepEqual(
    log,
    paths.map((path) => `GET ${path}`),
  );
  await released(t, arenas);
});
