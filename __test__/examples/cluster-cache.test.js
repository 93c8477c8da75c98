'use strict';
// tier: tools

// A cluster whose workers share a cache, over real sockets: what is made once and lent, and what happens without room.

const test = require('ava');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { canInherit, inheritTest } = require('../helpers/slab-process.js');
const { run } = require('../helpers/serving.js');
const { ask } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');
const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const zlib = require('node:zlib');
const { random } = require('../helpers/random.js');
const { createCipheriv, createHash } = require('node:crypto');
const os = require('node:os');
const { Slab } = require('../..');
const { ClusterCache } = require('../../examples/cluster/primary.js');
const { allCanBeHad } = require('../helpers/slab.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const HOUR_MS = 3_600_000;

/** The workers of one cluster at a time: node:cluster has its settings once in a process. */
const clusterTest = (title, body) => inheritTest(title, body, test.serial);

/** Bytes that compress, or do not: others for each seed. */
function content(size, seed) {
  const half = createHash('sha256').update(`${seed}`).digest();
  const cipher = createCipheriv('aes-128-ctr', half.subarray(0, 16), half.subarray(16));
  const bytes = cipher.update(Buffer.alloc(size));
  return seed % 2 === 0 ? bytes : bytes.map((byte) => byte % 7);
}

function makeFolder(t, files = {}) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true }));
  for (const [name, bytes] of Object.entries(files)) fs.writeFileSync(path.join(dir, name), bytes);
  return dir;
}

/** No lease ends, and no worker is killed for want of an answer, for being slow: a test that wants that says when. */
async function serve(
  t,
  files,
  { workers = 3, sizes = [16 * KiB, 256 * KiB], count = 64, ...rest } = {},
) {
  const dir = makeFolder(t, files);
  const slab = Slab.create(null, { sizes, count, transitMs: 200, maxBytes: 256 * MiB });
  const times = { leaseMs: HOUR_MS, purgeMs: HOUR_MS };
  const cache = new ClusterCache({ dir, workers, slab, ...times, ...rest });
  t.teardown(async () => {
    for (const pid of cache.pids) process.kill(pid, 'SIGKILL'); // where a test failed
    await cache.close();
    slab.close({ force: true });
  });
  const { port } = await cache.listen();
  return { dir, slab, cache, port };
}

/** The end of a cluster: every slot can be had again, once. */
async function end(t, { cache, slab }) {
  await cache.close();
  t.like(cache.stats, { entries: 0, leased: 0, makers: [] });
  t.like(slab.stats(), { held: 0, stolen: 0, participants: 1 });
  // What a killed worker had sent comes back where slots run out, once `transitMs` is over.
  await until(() => {
    for (const size of slab.sizes) freeAll(slab, takeAll(slab, size));
    return slab.stats().sent === 0;
  });
  allCanBeHad(t, slab);
}

function takeAll(slab, size) {
  const all = [];
  for (let one = slab.tryAlloc(size); one !== null; one = slab.tryAlloc(size)) all.push(one);
  return all;
}

function freeAll(slab, buffers) {
  for (const buffer of buffers) slab.free(buffer);
}

/** Asks for a file: { status, from, pid, body }, where the body is decompressed. */
async function get(port, name, { method = 'GET', agent = false, encoding = 'gzip' } = {}) {
  const options = { method, agent, headers: { 'accept-encoding': encoding } };
  const { status, headers, body } = await ask(port, `/${name}`, options);
  return {
    ...{ status, from: headers['x-cache'], pid: Number(headers['x-served-by']) },
    body: headers['content-encoding'] === 'gzip' ? zlib.gunzipSync(body) : body,
  };
}

const purge = async (port, name) => (await get(port, name, { method: 'PURGE' })).status;

async function fromAll({ cache, port }, name) {
  const answers = [];
  while (!cache.pids.every((pid) => answers.some((one) => one.pid === pid))) {
    // Several at once: the kernel may give one after the other to the same worker.
    answers.push(...(await Promise.all([1, 2, 3, 4, 5, 6].map(() => get(port, name)))));
  }
  return answers;
}

const program = path.join(__dirname, '..', '..', 'examples', 'cluster-cache.js');

clusterTest('a file is compressed once for all workers, and then lent once to each', async (t) => {
  const files = {};
  for (let i = 0; i < 12; i++) files[`file-${i}`] = content([1, 100, 10_000, 200_000][i % 4], i);
  const served = await serve(t, files);
  const { cache, port } = served;
  const names = Object.keys(files);
  const ask = async (name) => {
    const { status, body } = await get(port, name);
    t.is(status, 200);
    t.true(body.equals(files[name]), name);
  };
  await Promise.all([...names, ...names, ...names, ...names].map(ask));
  await until(() => cache.stats.made === 12); // the answer comes before
  t.like(cache.stats, { heap: 0, evicted: 0, restarts: 0, entries: 12 });
  for (const name of names) await fromAll(served, name);
  t.like(cache.stats, { made: 12, lent: 36, leased: 36 }, 'to each of three workers');
  for (const name of names) {
    for (const { from, body } of await fromAll(served, name)) {
      t.is(from, 'lease');
      t.true(body.equals(files[name]));
    }
  }
  t.is(cache.stats.lent, 36);
  await end(t, served);
});

clusterTest('without room a worker compresses for itself, and is counted', async (t) => {
  const files = { small: content(100, 1), large: content(300_000, 2), other: content(200, 1) };
  const served = await serve(t, files, { workers: 2, count: 1 });
  const { cache, port } = served;
  const answers = async (name) => {
    const all = await fromAll(served, name);
    for (const { status, body } of all) t.true(status === 200 && body.equals(files[name]));
    return all.map(({ from }) => from);
  };
  t.deepEqual(
    [...new Set(await answers('small'))].sort(),
    ['heap', 'made'],
    'one slot: nothing is lent',
  );
  t.like(cache.stats, { entries: 1, leased: 0 });
  t.false((await answers('large')).includes('lease'), 'larger than every slot');
  t.like(cache.stats, { entries: 1 });
  const { heap } = cache.stats;
  t.true(heap >= 2, `${heap}`);
  t.is((await get(port, 'other')).from, 'made');
  await until(() => cache.stats.made === 2);
  t.like(cache.stats, { entries: 1, evicted: 1 }, 'the last one that was used');
  await end(t, served);
});

clusterTest('what is not used goes back, and the longest unused makes room', async (t) => {
  const files = {};
  for (let i = 0; i < 5; i++) files[`file-${i}`] = content(1000, i);
  const served = await serve(t, files, { workers: 1, count: 4, leaseMs: 10 });
  const { cache, port } = served;
  for (const i of [0, 1, 2]) t.is((await get(port, `file-${i}`)).from, 'made');
  await until(() => cache.stats.made === 3);
  t.is((await get(port, 'file-0')).from, 'shared');
  await until(() => cache.stats.leased === 0);
  for (const i of [3, 4]) t.is((await get(port, `file-${i}`)).from, 'made');
  await until(() => cache.stats.made === 5);
  t.like(cache.stats, { entries: 4, evicted: 1 });
  t.is((await get(port, 'file-0')).from, 'shared', 'which was used since');
  t.is((await get(port, 'file-1')).from, 'made', 'which was not');
  await until(() => cache.stats.made === 6);
  await end(t, served);
});

clusterTest('what is no file of the folder, or no GET, is refused', async (t) => {
  const served = await serve(t, { page: content(10, 1), '.hidden': content(10, 1) });
  const { cache, port, dir } = served;
  fs.mkdirSync(path.join(dir, 'folder'));
  for (const name of ['none', 'folder', '.hidden', '../page', 'folder/page', '%2e%2e', '']) {
    t.is((await get(port, name)).status, 404, name);
  }
  t.is((await get(port, 'page', { method: 'POST' })).status, 405);
  t.is((await get(port, 'page', { encoding: 'br' })).status, 406);
  t.is((await get(port, 'page', { encoding: '' })).status, 406);
  t.like(cache.stats, { entries: 0, made: 0, makers: [] });
  await end(t, served);
});

clusterTest('as a program: it serves until SIGTERM, answers what it has, and tells', async (t) => {
  const files = { page: content(30_000, 1) };
  const dir = makeFolder(t, files);
  const agent = new http.Agent({ keepAlive: true });
  const args = [dir, '--port', '0', '--workers', '2'];
  const { code, stdout, stderr } = await run(t, program, args, async (port, child) => {
    for (let i = 0; i < 3; i++) {
      const { body } = await get(port, 'page', { agent }); // a connection that stays, of one worker
      t.true(body.equals(files.page));
    }
    child.kill('SIGTERM');
  });
  agent.destroy();
  t.is(code, 0, stderr);
  t.is(stderr, '');
  t.regex(stdout, /\n1 made, 1 lent, 0 without room, 0 made room\n0 workers started again\n$/);
});

test('as a program: wrong usage is told, and where it cannot serve it says why', async (t) => {
  for (const args of [[], ['a', 'b'], ['.', '--fast'], ['.', '--workers', '0']]) {
    t.is((await run(t, program, args)).code, 2);
  }
  if (canInherit) return;
  const { code, stderr } = await run(t, program, ['.', '--port', '0']);
  t.is(code, 1);
  t.not(stderr, '');
});

// A cluster whose workers share a cache, and what ends there: workers that are killed or stopped, files that change, clients that
// are slow.

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
