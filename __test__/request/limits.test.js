'use strict';
// tier: run-time

// Limits: of one request a typed error, of all together a counted fallback to the heap.

const test = require('ava');
const { once } = require('node:events');
const { kinds, serve, assertSettled } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { Ledger, sameAnswer } = require('../helpers/ledger.js');
const { until } = require('../helpers/until.js');
const { RallocError } = require('../../lib/index.js');
const time = require('../../lib/base/time.js');

const MiB = 1024 * 1024;

// No timer is ever due: memory that rests for seconds goes back to the system, which gives zeroes for it.
time.setTimeout = () => ({ unref() {} });

const warnings = [];
process.on('warning', ({ code, message }) => warnings.push({ code, message }));
const warned = (code) => warnings.filter((warning) => warning.code === code);

const over = ({ arenas }) => until(() => arenas.stats().inFlight === 0);

for (const kind of kinds) {
  test.serial(`${kind}: maxBytesPerRequest is a typed error that names the option`, async (t) => {
    const seen = [];
    const handler = (req, res) => {
      const { arena } = req;
      const first = arena.allocUnsafe(MiB - 1000);
      const tooMuch = { instanceOf: RallocError, code: 'ERR_RALLOC_LIMIT' };
      for (const method of ['alloc', 'allocUnsafe']) {
        seen.push(t.throws(() => arena[method](1001), tooMuch));
      }
      t.throws(() => arena.concat([first, first]), tooMuch);
      t.throws(() => arena.reserve(2 * MiB), tooMuch);
      t.throws(() => arena.scope((scope) => scope.alloc(5000)), tooMuch);
      t.is(arena.allocUnsafe(1000).length, 1000, 'what fits still fits');
      arena.reset();
      t.is(arena.allocUnsafe(MiB).length, MiB);
      res.end('ok');
    };
    const server = await serve(t, kind, handler, { maxBytesPerRequest: MiB });
    const client = await Client.connect(server.port);
    t.is((await client.get('/')).status, 200);
    for (const { requested, limit, used, option, message } of seen) {
      t.deepEqual(
        { requested, limit, option },
        { requested: 1001, limit: MiB, option: 'maxBytesPerRequest' },
      );
      t.true(used >= MiB - 1000 && used <= MiB);
      t.true(message.includes('"maxBytesPerRequest"'));
    }
    await over(server);
    t.is(server.arenas.stats().heapRequests, 0);
    t.true(server.arenas.stats().memory.used <= 4 * MiB);
    assertSettled(t, server.arenas);
  });

  test.serial(`${kind}: when maxBytes are in use others are served from the heap`, async (t) => {
    const ledger = new Ledger();
    const waiting = [];
    const owned = [];
    const handler = async (req, res) => {
      const id = Number(req.url.slice(1));
      const parts = [MiB - 70_000, 50_000].map((size) =>
        ledger.stamp(id, id % 2 ? req.arena.allocUnsafe(size) : req.arena.alloc(size)),
      );
      owned[id] = parts.every((part) => req.arena.owns(part));
      waiting.push(res);
      if (id < 8) await new Promise((resolve) => res.once('go', resolve));
      res.end(req.arena.concat(parts.map((part) => part.subarray(0, 1000))));
    };
    const options = { maxBytes: 4 * MiB, maxBytesPerRequest: 2 * MiB, maxHeapBytes: 8 * MiB };
    const server = await serve(t, kind, handler, options);
    const clients = [];
    for (let id = 0; id < 8; id++) {
      clients[id] = await Client.connect(server.port);
      clients[id].send(`/${id}`);
      await until(() => waiting.length === id + 1);
      t.true(server.arenas.stats().memory.used <= 4 * MiB);
    }
    const { heapRequests, heapBuffers, heapBytes, inFlight } = server.arenas.stats();
    t.is(inFlight, 8);
    t.true(heapRequests >= 4, `${heapRequests} of 8 are over the limit`);
    t.true(heapBuffers >= heapRequests);
    t.true(heapBytes >= heapRequests * 50_000);
    t.true(owned[0]);
    t.false(owned[7]);
    t.is(warned('RALLOC_HEAP_FALLBACK').length, 1, 'once in the process');

    for (const res of waiting) res.emit('go');
    for (const [id, client] of clients.entries()) sameAnswer(t, id, (await client.response()).body);
    await over(server);
    ledger.assertOwn(t);

    sameAnswer(t, 8, (await clients[0].get('/8')).body);
    await over(server);
    t.true(owned[8], 'there is memory again');
    t.is(server.arenas.stats().heapRequests, heapRequests);
    t.is(server.arenas.stats().finished, 9);
    assertSettled(t, server.arenas);
  });
}

test.serial(
  'the heap keeps to maxBytesPerRequest too, and reset gives its room back',
  async (t) => {
    const options = { maxBytes: MiB, maxBytesPerRequest: MiB };
    const waiting = [];
    const handler = async (req, res) => {
      if (req.url === '/first') {
        req.arena.allocUnsafe(MiB);
        waiting.push(res);
        await once(res, 'go');
      } else {
        for (let i = 0; i < 3; i++) {
          const buffer = req.arena.alloc(MiB - 10);
          t.true(buffer.every((byte) => byte === 0));
          t.false(req.arena.owns(buffer));
          const error = t.throws(() => req.arena.alloc(11), { code: 'ERR_RALLOC_LIMIT' });
          t.is(error.option, 'maxBytesPerRequest');
          req.arena.reset();
          t.is(buffer.length, MiB - 10, 'a heap Buffer outlives a reset');
        }
      }
      res.end('ok');
    };
    const server = await serve(t, 'express 5', handler, options);
    const first = await Client.connect(server.port);
    first.send('/first');
    await until(() => waiting.length === 1);
    const second = await Client.connect(server.port);
    t.is((await second.get('/second')).status, 200);
    t.is(server.arenas.stats().heapRequests, 1);
    t.is(server.arenas.stats().heapBytes, 3 * (MiB - 10));
    waiting[0].emit('go');
    t.is((await first.response()).status, 200);
    await over(server);
    assertSettled(t, server.arenas);
  },
);

test.serial('wipe: the next request finds zeroes where the last one wrote', async (t) => {
  const handler = (req, res) => {
    const buffer = req.arena.allocUnsafe(60_000);
    const clean = buffer.every((byte) => byte === 0);
    buffer.fill('s');
    res.end(clean ? 'clean' : 'dirty');
  };
  const answers = {};
  for (const wipe of [true, false]) {
    const server = await serve(t, 'node:http', handler, { wipe });
    const client = await Client.connect(server.port);
    answers[wipe] = [];
    for (let i = 0; i < 4; i++) {
      answers[wipe].push((await client.get('/')).body.toString());
      await over(server);
    }
  }
  t.deepEqual(answers.true, ['clean', 'clean', 'clean', 'clean']);
  // Who had the first one's memory before is not known.
  t.deepEqual(answers.false.slice(1), ['dirty', 'dirty', 'dirty']);
});
