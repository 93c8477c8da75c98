'use strict';
// tier: tools

require('../helpers/unwritten.js'); // of which no byte may come out
const test = require('ava');
const path = require('node:path');
const zlib = require('node:zlib');
const { ByteCache, CachingServer } = require('../../examples/response-cache.js');
const { posixTest } = require('../helpers/backend.js');
const { isStamped, stamped } = require('../helpers/bytes.js');
const { random } = require('../helpers/random.js');
const { ask } = require('../helpers/server.js');
const { run } = require('../helpers/serving.js');

const program = path.join(__dirname, '..', '..', 'examples', 'response-cache.js');
const MiB = 2 ** 20;

function isTable(body, rows) {
  const lines = zlib.gunzipSync(body).toString().trimEnd().split('\n');
  return lines.length === rows + 1 && lines.at(-1).startsWith(`${rows - 1},${(rows - 1) ** 2},`);
}

test('what is asked for again comes from the cache, and is the same', async (t) => {
  const server = new CachingServer();
  const { port } = await server.listen();
  const first = await ask(port, '/table/5000');
  const again = await ask(port, '/table/5000');
  t.true(isTable(first.body, 5000) && first.body.equals(again.body));
  t.like(server.stats(), { hits: 1, misses: 1, entries: 1 });
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(port, '/table/777')));
  t.true(answers.every(({ body }) => isTable(body, 777)));
  t.is(server.stats().entries, 2);
  for (const name of ['/', '/table/x', '/table/100001']) t.is((await ask(port, name)).status, 404);
  await server.close();
});

test('what is evicted while it is written is whole, and the region keeps its limit', async (t) => {
  const server = new CachingServer({ memory: MiB });
  const { port } = await server.listen();
  const draw = random(2);
  for (let round = 0; round < 10; round++) {
    const rows = Array.from({ length: 16 }, () => 1000 * (1 + draw(20)));
    const answers = await Promise.all(rows.map((count) => ask(port, `/table/${count}`)));
    t.true(answers.every(({ body }, i) => isTable(body, rows[i])));
  }
  const { evictions, hits, region } = server.stats();
  t.true(evictions > 0 && hits > 0);
  t.true(region.taken <= MiB);
  await server.close();
});

test('the cache keeps what was asked for last', (t) => {
  const cache = new ByteCache(MiB);
  for (let i = 0; i < 200; i++) {
    cache.set(`/${i}`, stamped(20_000, i));
    if (i >= 5) t.true(isStamped(cache.get('/5'), 5));
  }
  const { entries, evictions } = cache.stats();
  t.is(entries + evictions, 200);
  t.true(entries > 30);
  t.is(cache.get('/6'), undefined);
  cache.set('/5', stamped(100, 6));
  t.true(isStamped(cache.get('/5'), 6));
  cache.set('/large', Buffer.alloc(2 * MiB));
  t.is(cache.get('/large'), undefined);
  t.is(cache.stats().tooLarge, 1);
  cache.close();
});

posixTest('it is a program that ends when it is told to, and tells wrong usage', async (t) => {
  const { code, stdout } = await run(t, program, ['--port', '0'], async (port, child) => {
    t.true(isTable((await ask(port, '/table/10')).body, 10));
    child.kill('SIGTERM');
  });
  t.is(code, 0);
  t.regex(stdout, /0 answers from the cache, 1 not; 0 evictions/);
  const wrong = await run(t, program, ['--memory', '0']);
  t.is(wrong.code, 2);
  t.regex(wrong.stderr, /usage: /);
});
