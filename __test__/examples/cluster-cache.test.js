'use strict';
// tier: tools

// A cluster whose workers share a cache, over real sockets: what is made once and lent, and what happens without room.

const test = require('ava');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const {
  clusterTest,
  content,
  end,
  fromAll,
  get,
  makeFolder,
  serve,
} = require('../helpers/cluster.js');
const { canInherit } = require('../helpers/slab-process.js');
const { run } = require('../helpers/serving.js');
const { until } = require('../helpers/until.js');

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
