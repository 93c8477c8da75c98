'use strict';
// tier: run-time

// `ralloc/test` around requests to a server: what the server does for them is seen too.

const http = require('node:http');
const test = require('ava').serial;
const { requestArena } = require('../../lib/http.js');
const { Slab } = require('../../lib/index.js');
const { noLeaks } = require('../../lib/test.js');
const { get, serve } = require('../helpers/ask.js');
const { turns } = require('../helpers/until.js');

process.on('warning', () => {}); // they are told to everybody as always

const newSlab = () => new Slab({ sizes: [64], count: 64, name: 'messages' });

/** The reports of what noLeaks() rejects with. */
async function failed(t, fn) {
  return (await t.throwsAsync(noLeaks(fn, { waitMs: 5000 }), { code: 'ERR_RALLOC_MISUSE' }))
    .reports;
}

/** A server from before the test, as most are. */
async function serving(t, handler) {
  const arenas = requestArena();
  return serve(t, http.createServer(arenas.wrap(handler)));
}

test('what a server does for the test is seen: a Buffer that is used after its response', async (t) => {
  let tellLate;
  const late = new Promise((resolve) => {
    tellLate = resolve;
  });
  const url = await serving(t, (req, res) => {
    const buffer = req.arena.from('body');
    res.end(buffer);
    res.once('close', () => setImmediate(() => tellLate(buffer.toString())));
  });
  const [report] = await failed(t, async () => {
    t.is(await get(`${url}/orders`), 'body');
    await late;
  });
  t.is(report.kind, 'use-after-reset');
  t.is(report.request, 'GET /orders');
});

test('what is just ending is waited for', async (t) => {
  const slab = newSlab();
  const url = await serving(t, (_req, res) => {
    const buffer = slab.alloc(4, 'text');
    res.end(buffer);
    res.once('close', () => turns(20).then(() => slab.free(buffer)));
  });
  t.is(await noLeaks(() => get(url), { waitMs: 5000 }), 'text');
});

test('a Buffer that stays in a Map after its response is found', async (t) => {
  const kept = new Map();
  const url = await serving(t, (req, res) => {
    kept.set(req.url, req.arena.from('body'));
    res.end('done');
  });
  const reports = await failed(t, () => get(`${url}/kept`));
  t.deepEqual(
    reports.map(({ kind }) => kind),
    ['kept'],
  );
  t.true(kept.size > 0);
});
