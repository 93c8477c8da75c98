'use strict';
// tier: run-time, differs

// Which chunks of bodies are known to be ralloc's alone, by the connection and by Node's own methods.

const test = require('ava');
const { IncomingMessage } = require('node:http');
const { Readable } = require('node:stream');
const { sameBytes } = require('../helpers/bytes.js');
const { nodeMajor, testWhere } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');
const { Client } = require('../helpers/client.js');
const { serveOn } = require('../helpers/adapters.js');
const { serve } = require('../helpers/server.js');
const { until, untilCollected } = require('../helpers/until.js');
const { SIZE, ask, bytesOf, releasedBy } = require('../helpers/uploads.js');
const { stats } = require('../..');

const POST = { method: 'POST' };
let id = 1;

// The first, for parsers are pooled, and those of later tests are known.
test.serial('what came before the middleware saw the connection is copied', async (t) => {
  const { port } = await serve(
    t,
    'node:http',
    async (req, res) => res.end(String((await req.arena.body()).length)),
    {
      before: [
        (req, _res, next) => {
          until(() => req.readableLength > 0).then(() => next());
        },
      ],
    },
  );
  const client = await Client.connect(port);
  const small = Buffer.alloc(5000, 1);
  const { foreign } = stats().bodies.left;
  client.send('/', { ...POST, body: small });
  t.is((await client.response()).body.toString(), '5000');
  t.is(stats().bodies.left.foreign - foreign, 5000);
  const released = await releasedBy(async () => {
    client.send('/', { ...POST, body: small });
    t.is((await client.response()).body.toString(), '5000');
  });
  t.is(released, 5000, 'the next request of the connection is known');
});

test.serial('who reads a body himself finds nothing of it kept', async (t) => {
  const refs = [];
  const { port } = await serve(t, 'node:http', async (req, res) => {
    await until(() => req.readableLength > 0);
    for await (const chunk of req) refs.push(new WeakRef(chunk));
    const alive = () => refs.filter((ref) => ref.deref() !== undefined);
    await untilCollected(() => alive().length <= 1); // the last is still a variable of this function
    res.end(String(req.complete));
  });
  const client = await Client.connect(port);
  client.send('/', { ...POST, body: bytesOf(1) });
  t.is((await client.response()).body.toString(), 'true');
  t.true(refs.length > 1);
});

test.serial('a patch of Node`s prototypes is seen, and its removal', async (t) => {
  const kept = [];
  for (const [holder, name] of [
    [Readable.prototype, 'push'],
    [require('node:events').prototype, 'emit'],
    [IncomingMessage.prototype, '_read'],
  ]) {
    const own = ++id;
    const original = holder[name];
    holder[name] = function (...args) {
      for (const one of args) if (Buffer.isBuffer(one)) kept.push(one);
      return Reflect.apply(original, this, args);
    };
    const released = await releasedBy(async () => {
      t.is(await ask(t, own, (req) => req.arena.body()), `${SIZE} true`, name);
    });
    holder[name] = original;
    t.is(released, 0, name);
  }
  t.true(kept.every((chunk) => chunk.length > 0));
  t.is(await releasedBy(() => ask(t, 1, (req) => req.arena.body())), SIZE);
});

test.serial(
  'https bodies are released, those of HTTP/2 and of other streams are not',
  async (t) => {
    for (const [name, expected] of [
      ['https', SIZE],
      ['http2', 0],
    ]) {
      const { connect } = await serveOn(t, name, ({ arena }) => arena.body());
      const client = await connect();
      const released = await releasedBy(async () => {
        client.send('/', { ...POST, body: bytesOf(3) });
        sameBytes(t, (await client.response()).body, bytesOf(3));
      });
      t.is(released, expected, name);
    }
  },
);

testWhere(
  nodeMajor < 24,
  'process.binding(), as Node 20 and 22 have it',
  'a parser in the place of Node`s: its chunks are copied',
  async (t) => {
    const { result, stderr } = await run('request/js-parser.js', {
      execArgv: ['--no-deprecation'],
    });
    t.like(result, { isMine: true, length: 10_000, copied: 30_000, released: 0 }, stderr);
    t.is(result.left.foreign, 30_000);
  },
);
