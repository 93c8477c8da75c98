'use strict';
// tier: run-time, differs

// body() of a few KiB: one that comes whole is copied from what the parser has, without a listener. Whatever comes in another way is read all the same.

const test = require('ava');
const { Client } = require('../helpers/client.js');
const { serve } = require('../helpers/server.js');
const { until, untilCollected } = require('../helpers/until.js');
const time = require('../../lib/base/time.js');

const POST = { method: 'POST' };
const TEXT = 'a body of some bytes';
const READS = ['data', 'readable', 'end', 'error', 'close', 'newListener'];

const listenersOf = (req) => READS.map((name) => req.listenerCount(name));

/** Serves handler(req, res); `ask()` sends the text whole, and `begin()` without its last byte, which `finish()` sends. */
async function serving(t, handler, options) {
  const { port, arenas } = await serve(t, 'node:http', handler, options);
  const client = await Client.connect(port);
  return {
    arenas,
    client,
    ask() {
      client.send('/', { ...POST, body: Buffer.from(TEXT) });
      return client.response();
    },
    begin() {
      client.send('/', { ...POST, headers: { 'Content-Length': TEXT.length } });
      client.write(TEXT.slice(0, -1));
    },
    finish() {
      client.write(TEXT.at(-1));
      return client.response();
    },
  };
}

test('one that comes whole: no listener, and the stream has ended when the promise resolves', async (t) => {
  const { ask } = await serving(t, async (req, res) => {
    const before = listenersOf(req);
    const promise = req.arena.body();
    t.deepEqual(listenersOf(req), before);
    const body = await promise;
    t.true(req.arena.owns(body));
    t.deepEqual([req.complete, req.readableDidRead, req.readableEnded], [true, true, true]);
    t.deepEqual(req.read(), null);
    res.end(body);
  });
  for (let n = 0; n < 3; n++) t.is((await ask()).body.toString(), TEXT);
});

test('one that comes in two pieces', async (t) => {
  let came = false;
  const { begin, finish } = await serving(t, async (req, res) => {
    const promise = req.arena.body();
    await until(() => req.listenerCount('data') > 0);
    came = true;
    res.end(await promise);
  });
  begin();
  await until(() => came);
  t.is((await finish()).body.toString(), TEXT);
});

for (const [name, read] of Object.entries({
  'a listener of data': (req, seen) => req.on('data', (chunk) => seen.push(chunk)),
  'a listener of readable': (req, seen) =>
    req.on('readable', () => {
      for (let chunk = req.read(); chunk !== null; chunk = req.read()) seen.push(chunk);
    }),
})) {
  test(`${name}, added after the call, gets the bytes too, and keeps them`, async (t) => {
    const seen = [];
    const { ask } = await serving(t, async (req, res) => {
      const promise = req.arena.body();
      read(req, seen);
      res.end(await promise);
    });
    t.is((await ask()).body.toString(), TEXT);
    t.is(Buffer.concat(seen).toString(), TEXT);
  });
}

for (const [name, patch] of Object.entries({
  'the message': (req) => {
    const { emit } = req;
    req.emit = function (...args) {
      return emit.apply(this, args);
    };
  },
  'the parser': ({ socket: { parser } }) => {
    const index = parser.constructor.kOnBody;
    const onBody = parser[index];
    parser[index] = function (...args) {
      return onBody.apply(this, args);
    };
  },
})) {
  test(`somebody patches ${name} after the call: it comes all the same`, async (t) => {
    const { ask } = await serving(t, async (req, res) => {
      const promise = req.arena.body();
      patch(req);
      res.end(await promise);
    });
    for (let n = 0; n < 3; n++) t.is((await ask()).body.toString(), TEXT);
  });
}

test('the client goes before it has come', async (t) => {
  let outcome;
  const { client } = await serving(t, async (req, res) => {
    outcome = await req.arena.body().catch(({ code, status }) => [code, status]);
    res.end();
  });
  client.send('/', { ...POST, headers: { 'Content-Length': TEXT.length } });
  await until(() => outcome === undefined);
  client.destroy();
  await until(() => outcome !== undefined);
  t.deepEqual(outcome, ['ERR_RALLOC_ABORTED', 400]);
});

test('the response ends before it has come', async (t) => {
  let outcome;
  const { client } = await serving(t, (req, res) => {
    req.arena.body().catch(({ code }) => {
      outcome = code;
    });
    res.end();
  });
  client.send('/', { ...POST, headers: { 'Content-Length': TEXT.length } });
  await client.response();
  await until(() => outcome !== undefined);
  t.is(outcome, 'ERR_RALLOC_DEAD_BUFFER');
});

test('arenas.end() while its end is on the way', async (t) => {
  const served = await serving(t, async (req, res) => {
    req.once('resume', () => served.arenas.end(req));
    res.end(await req.arena.body().catch(({ code }) => code));
  });
  t.is((await served.ask()).body.toString(), 'ERR_RALLOC_DEAD_BUFFER');
  t.is(served.arenas.stats().lateBuffers, 0);
});

test('one for which there is no memory: the error, and the connection serves the next', async (t) => {
  const size = 9000;
  const { client } = await serving(
    t,
    async (req, res) => {
      try {
        if (req.url === '/full') req.arena.allocUnsafe(4000);
        res.end(`${(await req.arena.body()).length}`);
      } catch ({ code, status }) {
        res.statusCode = status;
        res.end(code);
      }
    },
    { maxBytesPerRequest: 10_000 },
  );
  const ask = async (path) => {
    client.send(path, { ...POST, body: Buffer.alloc(size) });
    return (await client.response()).body.toString();
  };
  t.is(await ask('/full'), 'ERR_RALLOC_LIMIT');
  t.is(await ask('/'), `${size}`);
});

test.serial(
  'a request whose body has come is kept by nothing until the turn of the loop ends',
  async (t) => {
    const { setImmediate } = time;
    const ends = [];
    time.setImmediate = (end) => ends.push(end); // the turn does not end
    t.teardown(() => {
      time.setImmediate = setImmediate;
      for (const end of ends) end();
    });
    let gone = 0;
    const registry = new FinalizationRegistry(() => gone++);
    const { ask } = await serving(t, async (req, res) => {
      registry.register(req);
      res.end(await req.arena.body());
    });
    for (let n = 0; n < 3; n++) t.is((await ask()).body.toString(), TEXT);
    await untilCollected(() => gone >= 2); // the connection may have the last
    t.is(ends.length, 1);
  },
);
