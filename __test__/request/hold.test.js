'use strict';
// tier: run-time, differs

// Holds: what was started before the response ended ends on the bytes it was given, and nobody gets the
// memory before.

const test = require('ava');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const zlib = require('node:zlib');
const { sameBytes } = require('../helpers/bytes.js');
const { removeFolder } = require('../helpers/folder.js');
const { serve, assertSettled } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { Ledger, isOf, sameAnswer } = require('../helpers/ledger.js');
const { letGo, until, untilCollected } = require('../helpers/until.js');

const read = promisify(fs.read);
const write = promisify(fs.write);
const idOf = (req) => Number(req.url.slice(1));
const over = ({ arenas }) => until(() => arenas.stats().inFlight === 0);
const unheld = ({ arenas }) => letGo(arenas);

function folder(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-'));
  t.teardown(() => removeFolder(dir));
  return (name) => path.join(dir, String(name));
}

test('files written after the answer hold the bytes of their own request', async (t) => {
  const file = folder(t);
  const ledger = new Ledger();
  let written = 0;
  const server = await serve(t, 'node:http', (req, res) => {
    const id = idOf(req);
    const buffer = ledger.stamp(id, req.arena.allocUnsafe(30_000 + id));
    res.end('accepted');
    req.arena.hold(fs.promises.writeFile(file(id), buffer)).then(() => written++);
  });
  const visit = async (from) => {
    const client = await Client.connect(server.port);
    for (let id = from; id < from + 25; id++) await client.get(`/${id}`);
  };
  await Promise.all([0, 25, 50, 75].map(visit));
  await until(() => written === 100);
  for (let id = 0; id < 100; id++) {
    const bytes = fs.readFileSync(file(id));
    t.true(bytes.length === 30_000 + id && isOf(id, bytes), `file ${id}`);
  }
  await over(server);
  await unheld(server);
  t.deepEqual(ledger.alive(), []);
  assertSettled(t, server.arenas);
});

test('files read and zipped under a hold, while the client stays or goes', async (t) => {
  const file = folder(t);
  const source = Buffer.from('a line of a real file, more or less\n'.repeat(3000));
  fs.writeFileSync(file('source'), source);
  const fd = fs.openSync(file('source'), 'r');
  t.teardown(() => fs.closeSync(fd));
  const zipped = [];
  const server = await serve(t, 'node:http', async (req, res) => {
    const hold = req.arena.hold();
    try {
      const buffer = req.arena.allocUnsafe(source.length);
      const [{ bytesRead }] = await Promise.all([read(fd, buffer, 0, source.length, 0)]);
      if (idOf(req) % 2) req.socket.destroy();
      else res.end(buffer.subarray(0, bytesRead));
      zipped.push(await promisify(zlib.gzip)(buffer));
    } finally {
      hold.release();
    }
  });
  for (let id = 0; id < 20; id++) {
    const client = await Client.connect(server.port);
    client.send(`/${id}`);
    const body = id % 2 ? await client.rest() : (await client.response()).body;
    t.true(id % 2 ? body.length === 0 : body.equals(source));
  }
  await until(() => zipped.length === 20);
  for (const one of zipped) sameBytes(t, zlib.gunzipSync(one), source);
  await over(server);
  const { finished, aborted } = server.arenas.stats();
  t.deepEqual([finished, aborted], [10, 10]);
  assertSettled(t, server.arenas);
});

test('a hold keeps its memory from the next requests until it is released', async (t) => {
  const ledger = new Ledger();
  const holds = [];
  const handler = (req, res) => {
    const id = idOf(req);
    const buffer = ledger.stamp(id, req.arena.allocUnsafe(10_000));
    if (id < 3) holds.push(req.arena.hold());
    res.end(buffer);
  };
  const holdMs = 2 ** 31 - 1; // however long the machine takes for 30 requests
  const server = await serve(t, 'express 5', handler, { holdMs });
  const client = await Client.connect(server.port);
  for (let id = 0; id < 20; id++) sameAnswer(t, id, (await client.get(`/${id}`)).body);
  await over(server);
  t.deepEqual(ledger.alive(), [0, 1, 2]);
  ledger.assertOwn(t);
  t.true(server.arenas.stats().memory.held >= 30_000);
  t.is(server.arenas.stats().memory.leased, 0);

  holds[1].release();
  holds[1].release();
  t.deepEqual(ledger.alive(), [0, 2], 'dead the moment it is released');
  for (let id = 20; id < 30; id++) await client.get(`/${id}`);
  ledger.assertOwn(t);
  holds[0][Symbol.dispose]();
  holds[2].release();
  await over(server);
  t.deepEqual(ledger.alive(), []);
  assertSettled(t, server.arenas);
});

test('a hold over req.arena.reset() in a request that then goes on, or is aborted', async (t) => {
  const ledger = new Ledger();
  const holds = [];
  const server = await serve(t, 'node:http', (req, res) => {
    const id = idOf(req);
    const first = ledger.stamp(id, req.arena.allocUnsafe(20_000));
    holds.push(req.arena.hold());
    req.arena.reset();
    t.is(first.length, 20_000);
    const second = ledger.stamp(id, req.arena.allocUnsafe(20_000));
    if (id === 1) res.destroy();
    else res.end(second);
  });
  const client = await Client.connect(server.port);
  sameAnswer(t, 0, (await client.get('/0')).body);
  client.send('/1');
  await client.rest();
  await over(server);
  const [first, second] = ledger.buffers(0);
  t.deepEqual([first.length, second.length], [20_000, 0]);
  const [held, aborted] = ledger.buffers(1);
  t.deepEqual([held.length, aborted.length], [20_000, 20_000]);
  for (const hold of holds) hold.release();
  t.deepEqual([first.length, held.length, aborted.length], [0, 0, 20_000]);
  ledger.assertOwn(t);
  assertSettled(t, server.arenas);
});

test('a hold that nobody releases expires: its memory is left to the garbage collector', async (t) => {
  const warnings = [];
  process.on('warning', ({ code }) => warnings.push(code));
  let kept = null;
  const handler = (req, res) => {
    kept = req.arena.alloc(10_000, 1);
    req.arena.hold();
    res.end('ok');
  };
  const server = await serve(t, 'express 5', handler, { holdMs: 30 });
  const client = await Client.connect(server.port);
  await client.get('/');
  await over(server);
  await until(() => server.arenas.stats().memory.quarantined >= 10_000);
  t.is(server.arenas.stats().memory.held, 0);
  t.is(kept.length, 10_000, 'undetached: something may still be in flight');
  t.deepEqual(warnings, ['RALLOC_HOLD_EXPIRED']);
  kept = null;
  await client.destroy();
  await untilCollected(() => server.arenas.stats().memory.quarantined === 0);
  assertSettled(t, server.arenas);
});

test('a write to a file in flight when its client goes away', async (t) => {
  const file = folder(t);
  const fd = fs.openSync(file('log'), 'w');
  t.teardown(() => fs.closeSync(fd));
  const ledger = new Ledger();
  let written = 0;
  const server = await serve(t, 'express 4', (req) => {
    const id = idOf(req);
    const buffer = ledger.stamp(id, req.arena.allocUnsafe(5000));
    // Without a hold: what is not finished is never reused while anyone can see it.
    write(fd, buffer, 0, 5000, id * 5000).then(() => written++);
    req.socket.destroy();
  });
  for (let id = 0; id < 20; id++) {
    const client = await Client.connect(server.port);
    client.send(`/${id}`);
    await client.rest();
  }
  await until(() => written === 20);
  const log = fs.readFileSync(file('log'));
  for (let id = 0; id < 20; id++) sameAnswer(t, id, log.subarray(id * 5000, (id + 1) * 5000));
  await over(server);
  assertSettled(t, server.arenas);
});
