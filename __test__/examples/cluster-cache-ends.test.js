'use strict';
// tier: tools, long

// A cluster whose workers share a cache, and what ends there: workers that are killed or stopped, files that change, clients that
// are slow.

const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const zlib = require('node:zlib');
const { clusterTest, content, end, fromAll, get, purge, serve } = require('../helpers/cluster.js');
const { random } = require('../helpers/random.js');
const { until } = require('../helpers/until.js');

const MiB = 2 ** 20;

clusterTest('workers are killed under load: the cache goes on, and no slot is lost', async (t) => {
  const files = {};
  for (let i = 0; i < 40; i++) files[`file-${i}`] = content([500, 20_000, 90_000][i % 3], i);
  // Room for a part of them, and leases that end, so that Buffers travel all the time.
  const served = await serve(t, files, { count: [20, 20], leaseMs: 20 });
  const { cache, port } = served;
  const seen = { whole: 0, cut: 0 };
  const client = async (seed) => {
    const next = random(seed);
    while (cache.stats.restarts < 6) {
      const name = `file-${next(40)}`;
      if (next(30) === 0) await purge(port, name).catch(() => seen.cut++);
      try {
        const { status, body } = await get(port, name);
        t.is(status, 200);
        t.true(body.equals(files[name]));
        seen.whole++;
      } catch (error) {
        t.is(error.code, 'ECONNRESET');
        seen.cut++;
      }
    }
  };
  const killer = async () => {
    for (let restarts = 0; restarts < 6; restarts++) {
      const { whole } = seen;
      await until(() => seen.whole > whole + 20 && cache.pids.length === 3);
      process.kill(cache.pids[restarts % 3], 'SIGKILL');
      await until(() => cache.stats.restarts > restarts);
    }
  };
  await Promise.all([...Array.from({ length: 8 }, (_, i) => client(i + 1)), killer()]);
  t.log(JSON.stringify({ ...seen, ...cache.stats, memory: undefined }));
  t.true(seen.whole >= 120 && cache.stats.evicted > 0 && cache.stats.purged > 0);
  t.is((await get(port, 'file-1')).status, 200);
  await end(t, served);
});

clusterTest('after a purge no worker answers with what was there before', async (t) => {
  const served = await serve(t, { page: content(30_000, 1) });
  const { cache, dir, port } = served;
  let version = 1; // the least that an answer may have
  let isOver = false;
  const versions = [undefined, content(30_000, 1)];
  const client = async () => {
    let answers = 0;
    for (; !isOver; answers++) {
      const least = version;
      const { status, body } = await get(port, 'page');
      t.is(status, 200);
      const found = versions.findIndex((bytes) => bytes?.equals(body));
      t.true(found >= least, `version ${found} after ${least}`);
    }
    return answers;
  };
  const clients = Promise.all([1, 2, 3, 4].map(client));
  for (let next = 2; next <= 12; next++) {
    await fromAll(served, 'page');
    versions.push(content(30_000, next));
    const file = path.join(dir, 'page');
    fs.writeFileSync(`${file}.next`, versions[next]);
    fs.renameSync(`${file}.next`, file);
    if (next % 2 === 0) await cache.purge('page');
    else t.is(await purge(port, 'page'), 204);
    version = next;
  }
  isOver = true;
  t.true((await clients).every((answers) => answers > 0));
  t.is(cache.stats.purged, 11);
  await end(t, served);
});

clusterTest('a slow client keeps its bytes while others are served the new ones', async (t) => {
  const size = 12 * MiB; // more than the kernel takes of a response
  const [before, after] = [content(size, 2), content(size, 4)];
  const sizes = [16 * MiB];
  const served = await serve(t, { film: before }, { workers: 1, sizes, count: 4 });
  const { cache, dir, port, slab } = served;
  t.is((await get(port, 'film')).from, 'made');
  const headers = { 'accept-encoding': 'gzip' };
  const req = http.get({ port, host: '127.0.0.1', path: '/film', headers, agent: false });
  const [res] = await once(req, 'response');
  t.is(res.headers['x-cache'], 'shared');
  t.is(cache.stats.leased, 1);
  fs.writeFileSync(path.join(dir, 'film'), after);
  await cache.purge('film');
  t.is(cache.stats.leased, 1, 'it is read');
  for (const from of ['made', 'shared', 'lease']) {
    const answer = await get(port, 'film');
    t.is(answer.from, from);
    t.true(answer.body.equals(after));
  }
  t.is(slab.stats().elsewhere, 2, 'the old one and the new one');
  t.true(zlib.gunzipSync(Buffer.concat(await res.toArray())).equals(before));
  await until(() => cache.stats.leased === 1);
  await end(t, served);
});

clusterTest('a worker that does not hear of a purge is killed and replaced', async (t) => {
  const served = await serve(t, { page: content(1000, 1) }, { workers: 2, purgeMs: 3000 });
  const { cache, port } = served;
  await fromAll(served, 'page');
  const [stopped, other] = cache.pids;
  process.kill(stopped, 'SIGSTOP');
  await cache.purge('page');
  t.false(cache.pids.includes(stopped));
  await until(() => cache.pids.length === 2);
  t.true(cache.pids.includes(other));
  t.like(cache.stats, { restarts: 1, leased: 0 });
  t.is((await get(port, 'page')).status, 200);
  await end(t, served);
});

clusterTest('a worker that dies while it compresses leaves that to one who waits', async (t) => {
  const served = await serve(t, {}, { workers: 2 });
  const { cache, port, dir } = served;
  execFileSync('mkfifo', [path.join(dir, 'slow')]); // its reader waits for a writer
  const first = get(port, 'slow');
  first.catch(() => {});
  await until(() => cache.stats.makers.length === 1);
  // The kernel may give one after the other to the same worker, which asks the primary once.
  const others = [];
  await until(() => {
    if (cache.stats.waiting > 0) return true;
    others.push(get(port, 'slow'));
    others.at(-1).catch(() => {});
    return false;
  });
  process.kill(cache.stats.makers[0], 'SIGKILL');
  await t.throwsAsync(first, { code: 'ECONNRESET' });
  await until(() => cache.stats.restarts === 1);
  const bytes = content(10_000, 3);
  fs.writeFileSync(path.join(dir, 'slow'), bytes);
  const answers = [];
  for (const other of await Promise.allSettled(others)) {
    if (other.status === 'fulfilled') answers.push(other.value);
    else t.is(other.reason.code, 'ECONNRESET', 'of the worker that died');
  }
  t.true(answers.length > 0);
  for (const { from, body } of answers) {
    t.is(from, 'made');
    t.true(body.equals(bytes));
  }
  await end(t, served);
});
