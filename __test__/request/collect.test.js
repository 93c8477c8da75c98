'use strict';
// tier: run-time, differs by Node

// Files of uploads, which arena.collect() reads while the body of their request comes: what they lease, of a pool and of a budget, and how many major collections they cost.

const test = require('ava');
const { PassThrough } = require('node:stream');
const { Budget } = require('../..');
const { run, shared } = require('../helpers/child.js');
const { Client } = require('../helpers/client.js');
const { assertSettled, serve } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');
const { writeChunk } = require('../helpers/uploads.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const LIMIT = 64 * MiB;
const PART = Buffer.alloc(50_000, 1);

/** A server that collects what a parser gives it of a body, all of it. */
async function collecting(t, budget) {
  const server = await serve(
    t,
    'node:http',
    async (req, res) => {
      const file = req.pipe(new PassThrough());
      res.end(`${(await req.arena.collect(file, { limit: LIMIT })).length}`);
    },
    { budget },
  );
  return { ...server, client: await Client.connect(server.port) };
}

for (const [name, most, begin, write] of [
  [
    'of known length',
    (came, length) => Math.min(8 * came, 1.25 * length) + 2 * came,
    (client, length) => client.send('/', { method: 'POST', headers: { 'content-length': length } }),
    (client) => client.write(PART),
  ],
  [
    'of unknown length',
    (came) => 2.5 * came,
    (client) => client.send('/', { method: 'POST', headers: { 'transfer-encoding': 'chunked' } }),
    (client) => writeChunk(client, PART),
  ],
]) {
  test(`a body ${name} charges a budget for what has come, whatever the limit of collect()`, async (t) => {
    const budget = new Budget({ maxBytes: 256 * MiB });
    const { arenas, client } = await collecting(t, budget);
    const length = 40 * PART.length;
    begin(client, length);
    for (let came = PART.length; came <= length; came += PART.length) {
      write(client);
      await until(() => arenas.stats().memory.leased >= came);
      const { used } = budget.stats();
      t.true(used <= Math.max(most(came, length), 128 * KiB), `${used} for ${came}`);
    }
    if (name === 'of unknown length') client.write('0\r\n\r\n');
    t.is((await client.response()).body.toString(), `${length}`);
    t.true(budget.stats().peak < 2.5 * length);
    await until(() => arenas.stats().inFlight === 0);
    assertSettled(t, arenas);
  });
}

/** What both kinds of bodies cost, by whether their length is known: a child for each storage. */
const uploadsTo = (storage) =>
  shared(() => run('request/uploads.js', { args: [storage, '1100000', '16'] }));
const [inMemory, inArena] = ['memory', 'arena'].map(uploadsTo);

for (const [name, kind] of Object.entries({
  'of known length': 'known',
  'of unknown length': 'chunked',
})) {
  test(`files of 1.1 MB, in bodies ${name}, cost no more major collections than memoryStorage(), with a limit of 64 MiB`, async (t) => {
    const of = async (uploads) => {
      const { result, stderr } = await uploads();
      t.true(result?.[kind].right, stderr);
      return result[kind];
    };
    const plain = await of(inMemory);
    const collected = await of(inArena);
    const most = 1.5 * plain.majors + 5; // V8 decides when; the leases tell for certain
    t.true(collected.majors <= most, `${collected.majors}, plain ${plain.majors}`);
    t.true(collected.leases < 10, `${collected.leases} leases for 16 files`);
  });
}
