'use strict';

// One request, sent to express.raw() and to rawBody() behind the same middlewares: what became of it on each.

const express = require('express');
const { rawBody, requestArena } = require('ralloc/express');
const { Client } = require('./client.js');
const { inProduction } = require('./in-production.js');
const { serveOnly } = require('./server.js');
const { until } = require('./until.js');
const { writeChunk } = require('./uploads.js');

const COMPARED = ['name', 'message', 'status', 'statusCode', 'expose', 'type', 'code', 'errno'];
const DETAILS = ['expected', 'length', 'received', 'limit', 'encoding', 'reason'];

const hexOf = (body) => (Buffer.isBuffer(body) ? `Buffer ${body.toString('hex')}` : body);

const described = (error) => ({
  ...Object.fromEntries([...COMPARED, ...DETAILS].map((key) => [key, error[key]])),
  body: hexOf(error.body),
});

/** `before`: middlewares; `plain`: whether Express's own handler answers errors. */
async function serve(t, { parser, outcomes, arrived }, { before = [], plain = false }) {
  const app = express();
  app.set('env', 'test'); // no stacks on stderr
  app.set('etag', false);
  const note = (req, outcome) => outcomes.set(req.headers['x-case'], outcome);
  app.use(await inProduction(requestArena), (req, _res, next) => {
    arrived.add(req.headers['x-case']);
    next();
  });
  app.use([...before, parser]);
  app.use((req, res) => {
    const outcome = { has: 'body' in req, body: hexOf(req.body) };
    note(req, outcome);
    if (!res.destroyed) res.json(outcome);
  });
  app.use((error, req, res, next) => {
    const outcome = described(error);
    note(req, outcome);
    if (plain) next(error);
    else res.status(error.status ?? 500).json(outcome);
  });
  return serveOnly(t, app);
}

/**
 * Sends a request and, where its answer leaves the connection open, a second one. `shared`: a connection that stays, for
 * requests that end whole: the next of them is the second one.
 */
async function send(
  port,
  id,
  { method = 'POST', headers = {}, body, chunks, cut, expect },
  shared,
) {
  const client = shared ?? (await Client.connect(port));
  const all = { 'X-Case': id, ...headers };
  if (chunks !== undefined) all['Transfer-Encoding'] = 'chunked';
  if (expect) all.Expect = '100-continue';
  client.send('/', { method, headers: all, body: expect ? undefined : body });
  const told = [];
  if (expect) {
    if ((await client.response()).status !== 100) throw new Error('no 100');
    told.push(100);
    client.write(body);
  }
  for (const chunk of chunks ?? []) writeChunk(client, chunk);
  if (chunks !== undefined && !cut) client.write('0\r\n\r\n');
  if (cut) return { cut: () => client.destroy() };
  const {
    status,
    headers: given,
    body: answer,
  } = await client.response({ head: method === 'HEAD' });
  const { connection, 'content-type': type } = given;
  const isOver = shared !== undefined || connection === 'close';
  const reused = isOver ? undefined : (await client.get('/')).status;
  if (shared === undefined) await client.destroy();
  const [line] = answer.toString().split('<br>'); // of Express's own answer: without the stack
  return { told, status, connection, type, line, reused };
}

// What is left of a body is waited for: its bound in time is no matter here, and a busy machine can take as long.
const PARSERS = {
  raw: express.raw,
  rawBody: (options) => rawBody({ drainMs: 600_000, ...options }),
};

/** A server for each of `sides`, all of which are asked: `ask(id, request)` gives their outcomes. `isShared`: each on one connection. */
async function pair(t, options, setting = {}) {
  const { sides = Object.keys(PARSERS), isShared = false } = setting;
  const servers = sides.map((name) => ({
    parser: PARSERS[name](options),
    outcomes: new Map(),
    arrived: new Set(),
  }));
  for (const server of servers) {
    server.port = await serve(t, server, setting);
    if (isShared) server.shared = await Client.connect(server.port);
  }
  t.teardown(() => Promise.all(servers.map(({ shared }) => shared?.destroy())));
  return (id, request) =>
    Promise.all(
      servers.map(async ({ port, outcomes, arrived, shared }) => {
        const answer = await send(port, id, request, shared);
        if (!request.cut) return { ...answer, outcome: outcomes.get(id) };
        await until(() => arrived.has(id));
        await answer.cut();
        await until(() => outcomes.has(id));
        return { outcome: outcomes.get(id) };
      }),
    );
}

module.exports = { pair };
