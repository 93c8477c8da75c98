'use strict';
// tier: run-time

// Whose Buffers are told as stuck: those of the slab, and of the request, that has set a time for it.

const http = require('node:http');
const { once } = require('node:events');
const test = require('ava').serial;
const { requestArena } = require('../../lib/http.js');
const { Slab, leakReport } = require('../../lib/index.js');
const { serve } = require('../helpers/ask.js');
const { watched } = require('../helpers/debug.js');
const { until } = require('../helpers/until.js');

const newSlab = (name, options) => new Slab({ sizes: [64], count: 16, name, ...options });
const stuckOf = (reports) => reports.filter(({ kind }) => kind === 'stuck');

test('Buffers of a slab without warnAfterMs may be out for as long as they like', async (t) => {
  const reports = watched(t);
  const [patient, hasty] = [newSlab('patient'), newSlab('hasty', { warnAfterMs: 40 })];
  patient.alloc(20);
  hasty.alloc(20);
  await until(() => stuckOf(reports).length > 0);
  t.deepEqual(
    stuckOf(reports).map(({ of, count }) => [of, count]),
    [["the slab 'hasty'", 1]],
  );
  for (const slab of [patient, hasty]) slab.close({ force: true });
});

/** A server of answers that the test ends, each with a Buffer. */
async function waiting(t, arenas) {
  const answers = new Map();
  const handler = arenas.wrap((req, res) => {
    answers.set(req.url, { req, res, buffer: req.arena.alloc(100) });
    res.write('begins');
  });
  const url = await serve(t, http.createServer(handler));
  /** Its answer has begun. */
  const ask = async (path) => {
    const [answer] = await once(http.get(`${url}${path}`), 'response');
    answer.resume();
    return { answer, ...answers.get(path) };
  };
  return { ask };
}

async function end({ answer, res }) {
  res.end();
  await once(answer, 'end');
}

test('requests of another middleware, which has no such time, are not told', async (t) => {
  const reports = watched(t);
  const patient = await waiting(t, requestArena({ warnAfterMs: 0 }));
  const hasty = await waiting(t, requestArena({ warnAfterMs: 40 }));
  const answers = [await patient.ask('/patient'), await hasty.ask('/hasty')];
  await until(() => stuckOf(reports).length > 0);
  t.deepEqual(
    stuckOf(reports).map(({ request, count }) => [request, count]),
    [['GET /hasty', 1]],
  );
  t.deepEqual(
    leakReport().requests.map(({ request }) => request),
    ['GET /hasty'],
  );
  for (const answer of answers) await end(answer);
});

test('a request that is over is no long one, though somebody holds its Buffers', async (t) => {
  const reports = watched(t);
  const { ask } = await waiting(t, requestArena({ warnAfterMs: 20 }));
  const asked = await ask('/held');
  const hold = asked.req.arena.hold();
  await until(() => stuckOf(reports).length > 0);
  t.is(leakReport().requests.length, 1);
  const over = once(asked.res, 'close');
  await end(asked);
  await over;
  await until(() => leakReport().requests.length === 0);
  t.is(leakReport().holds.length, 1);
  hold.release();
});
