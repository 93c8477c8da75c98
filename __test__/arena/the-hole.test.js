'use strict';
// tier: run-time

// The one hole of the promise that stale Buffers are dead: an operation in flight that nothing holds keeps a
// pointer that no detaching takes from it, and meets the next request's bytes. Shown here, and shown closed
// by the guard, by hold() and by `safety: 'gc'`.

require('../../lib/node/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const { serve, assertSettled } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { Ledger, isOf } = require('../helpers/ledger.js');
const { run } = require('../helpers/child.js');
const { letGo, until } = require('../helpers/until.js');
const { inFlightTest } = require('../helpers/needs.js');
const operations = require('../helpers/operations.js');

const SIZE = 512 * 1024;
const WARM = 128; // requests that teach the middleware this size, so that it keeps such chunks

const ways = {
  'without a hold or a guard': { options: { guard: false }, hold: () => {}, closed: false },
  'under the guard': { options: {}, hold: () => {}, closed: true },
  'under a hold for its promise': {
    options: { guard: false },
    hold: (arena, done) => arena.hold(done),
    closed: true,
  },
  'under a hold that its callback releases': {
    options: { guard: false },
    hold(arena, done) {
      const hold = arena.hold();
      done.then(() => hold.release());
    },
    closed: true,
  },
  "with safety: 'gc'": { options: { safety: 'gc' }, hold: () => {}, closed: true },
};

for (const [name, begin] of Object.entries(operations)) {
  for (const [way, { options, hold, closed }] of Object.entries(ways)) {
    // What holds is the same for all of them.
    if (name !== 'fs.write' && !['without a hold or a guard', 'under the guard'].includes(way))
      continue;
    const title = `${name} in flight past its response ${way}`;
    const body = async (t) => {
      const ledger = new Ledger();
      const kept = [];
      let operation;
      const server = await serve(
        t,
        'express 5',
        async (req, res) => {
          if (req.url === '/warm') {
            req.arena.allocUnsafe(SIZE);
            return res.end();
          }
          const id = Number(req.url.slice(1));
          const buffer = ledger.stamp(id, req.arena.allocUnsafe(SIZE));
          kept[id] = { res, buffer };
          if (id === 2) return;
          operation = await begin(buffer);
          hold(req.arena, operation.done);
          res.end('done');
        },
        { maxBytesPerRequest: 4 * 1024 * 1024, ...options },
      );
      const client = await Client.connect(server.port);
      for (let i = 0; i < WARM; i++) await client.get('/warm');

      t.is((await client.get('/1')).body.toString(), 'done');
      await until(() => server.arenas.stats().inFlight === 0);
      const waits = server.arenas.stats().memory.held > 0;
      t.is(waits, way.startsWith('under'));
      // As JavaScript sees it the Buffer is dead, or whole: never another's.
      t.is(kept[1].buffer.length, closed ? SIZE : 0);
      client.send('/2');
      await until(() => kept[2] !== undefined);
      const seen = await operation.finish();

      if (name === 'fs.read') t.is(isOf(2, kept[2].buffer), closed);
      else t.is(isOf(1, seen), closed);
      if (!closed && seen !== undefined) {
        t.true(isOf(2, seen.subarray(-4096)), 'what went out are the bytes of the next request');
      }
      if (options.safety === 'gc') {
        const [{ length }, own] = [kept[1].buffer, kept[1].buffer.subarray(4096)];
        t.is(length, SIZE);
        t.true(isOf(1, own), "the first request's own bytes, for as long as it is seen");
      }

      kept[2].res.end(kept[2].buffer);
      const { body } = await client.response();
      t.is(isOf(2, body), closed || name !== 'fs.read');
      await until(() => server.arenas.stats().inFlight === 0);
      await letGo(server.arenas);
      if (options.safety === undefined) await until(() => ledger.alive().length === 0);
      assertSettled(t, server.arenas);
    };
    inFlightTest(name, !closed, title, body, test.serial);
  }
}

for (const name of ['fs.write', 'fs.read', 'zlib.deflate']) {
  test.serial(
    `${name} in flight when its chunk is given back does not end the process`,
    async (t) => {
      const { code, signal, stderr, result } = await run('arena/hole-given-back.js', {
        args: [name],
      });
      t.deepEqual([code, signal], [0, null], stderr);
      t.is(result.seen, name === 'fs.read' ? undefined : result.size);
    },
  );
}
