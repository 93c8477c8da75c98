'use strict';

// How a request can end, on every adapter: its arena is released once, its Buffers are dead afterwards, the client got what the
// handler wrote, and nothing stays leased. Each ending is written once (helpers/endings/) and runs on each framework.

const test = require('ava');
const { adapters, serveOn } = require('../helpers/adapters.js');
const { answered } = require('../helpers/endings/answered.js');
const { cutOff } = require('../helpers/endings/cut-off.js');
const { assertSettled } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

const endings = { ...answered, ...cutOff };

for (const [ending, { handler, visit, options, ...expected }] of Object.entries(endings)) {
  for (const adapter of adapters) {
    test(`${adapter}: ${ending}`, async (t) => {
      const kept = [];
      const waiting = [];
      const keep = (buffer) => {
        kept.push(buffer);
        return buffer;
      };
      const answer = ({ arena, req, res }) => {
        t.true(arena.owns(arena.allocUnsafe(1)), 'leased');
        const current = () => server.arenas.current();
        const id = Number(req.url.slice(1));
        return handler({ arena, req, res, id, keep, kept, waiting, current });
      };
      const server = await serveOn(t, adapter, answer, options);
      await visit(t, { ...server, waiting });
      const { arenas } = server;
      await until(() => arenas.stats().inFlight === 0);
      const { finished = 0, aborted = 0, attached = false } = expected;
      const stats = arenas.stats();
      t.deepEqual([stats.finished, stats.aborted], [finished, aborted]);
      t.is(stats.heapRequests, 0);
      if (!attached) t.true(kept.every(({ length }) => length === 0));
      t.true(attached || stats.memory.quarantined === 0);
      assertSettled(t, arenas);
    });
  }
}
