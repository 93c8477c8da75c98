'use strict';
// tier: run-time

// `ralloc/test`: what is on its way back is waited for, what was there before is not looked at, and nothing is told twice.

const http = require('node:http');
const test = require('ava').serial;
const time = require('../../lib/base/time.js');
const { report } = require('../../lib/debug/report.js');
const { requestArena } = require('../../lib/http.js');
const { Arena, Slab, leakReport } = require('../../lib/index.js');
const { noLeaks } = require('../../lib/test.js');
const { get, serve } = require('../helpers/ask.js');
const { kinds, watched } = require('../helpers/debug.js');
const { turns, until } = require('../helpers/until.js');

process.on('warning', () => {}); // they are told to everybody as always

const LONG = { waitMs: 60_000 };

test('a hold is waited for', async (t) => {
  const arena = new Arena();
  const result = await noLeaks(() => {
    const hold = arena.hold();
    turns(20).then(() => hold.release());
    return 'held';
  }, LONG);
  t.is(result, 'held');
  arena.close();
});

test('an arena is waited for', async (t) => {
  const result = await noLeaks(() => {
    const arena = new Arena();
    turns(20).then(() => arena.close());
    return 'open';
  }, LONG);
  t.is(result, 'open');
});

test('a request that nobody waits for is waited for', async (t) => {
  let asked;
  let used;
  const handler = requestArena().wrap(async (req, res) => {
    const buffer = req.arena.from('body');
    asked.resolve();
    await turns(30);
    res.once('close', () => setImmediate(() => used.resolve(buffer.toString())));
    res.end(buffer);
  });
  const url = await serve(t, http.createServer(handler));
  const settle = () => {
    const all = {};
    all.promise = new Promise((resolve) => Object.assign(all, { resolve }));
    return all;
  };
  asked = settle();
  used = settle();
  let answer;
  const seen = noLeaks(async () => {
    answer = get(`${url}/late`);
    await asked.promise;
  }, LONG);
  const error = await t.throwsAsync(seen, { code: 'ERR_RALLOC_MISUSE' });
  t.is(error.reports[0].kind, 'use-after-reset');
  await used.promise;
  t.is(await answer, 'body');
});

test('what is told once is not told again', async (t) => {
  const reports = watched(t, { dropped: true });
  let arena;
  const left = () => {
    arena = new Arena();
    arena.hold();
  };
  await t.throwsAsync(noLeaks(left, { waitMs: 0 }), { code: 'ERR_RALLOC_MISUSE' });
  const { holds, open } = leakReport();
  t.deepEqual([holds, open], [[], []]);
  t.deepEqual(kinds(reports), []);
  arena.close();
});

test('a Buffer that is from before, and gets late meanwhile, is not of this one', async (t) => {
  const reports = watched(t);
  const slab = new Slab({ sizes: [64], count: 16, warnAfterMs: 40 });
  const buffer = slab.alloc(20);
  await turns(5);
  await noLeaks(() => until(() => kinds(reports).includes('stuck')));
  slab.free(buffer);
  slab.close();
  t.pass();
});

test('what is told later than it was found counts by when it was taken', async (t) => {
  const reports = watched(t);
  const since = time.now();
  await turns(1);
  await noLeaks(() => report('stuck', { of: 'a slab', age: 0, since }));
  t.deepEqual(kinds(reports), ['stuck']);
  t.is(reports[0].since, undefined);
});

test('an error that is frozen is as it is', async (t) => {
  const slab = new Slab({ sizes: [64], count: 16 });
  const frozen = Object.freeze(new RangeError('of the test'));
  const error = await t.throwsAsync(
    noLeaks(() => {
      const buffer = slab.alloc(20);
      slab.free(buffer);
      buffer.toString();
      throw frozen;
    }),
  );
  t.is(error, frozen);
  slab.close();
});
