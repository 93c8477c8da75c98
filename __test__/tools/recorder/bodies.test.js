'use strict';
// tier: tools

// ralloc finds out whether a stream's methods are Node's own before it gives a chunk back: those of a profiler are as good.

const test = require('ava');
const { pump, stats } = require('../../..');
const { requestArena } = require('../../../lib/http.js');
const { record } = require('../../helpers/sums.js');
const { ask, serveOnly } = require('../../helpers/server.js');
const { releases } = require('../../helpers/given-back.js');

const BODY = Buffer.alloc(300_000, 7);
const POST = { method: 'POST', body: BODY };

/** What two requests to it release: the first is what makes parsers known. */
async function released(t, handler) {
  const port = await serveOnly(t, handler);
  await releases();
  t.deepEqual((await ask(port, '/', POST)).body, BODY);
  const before = stats().bodies.released;
  t.deepEqual((await ask(port, '/', POST)).body, BODY);
  return stats().bodies.released - before;
}

const handlers = {
  'body()': () =>
    requestArena().wrap(async (req, res) => {
      res.end(Buffer.from(await req.arena.body()));
    }),
  'pump()': () => (req, res) => pump(req, res),
};

for (const [name, handler] of Object.entries(handlers)) {
  test.serial(`${name} gives back as much as without a profiler`, async (t) => {
    const plain = await released(t, handler());
    t.true(plain >= BODY.length, String(plain));
    const recorder = record(t, { rate: 4096 });
    t.true((await released(t, handler())) >= plain * 0.95);
    recorder.stop();
    t.true((await released(t, handler())) >= plain * 0.95);
  });
}
