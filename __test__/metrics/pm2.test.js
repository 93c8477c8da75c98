'use strict';
// tier: soak

// Workers of PM2 that share a slab by its name, replaced under load: no slot is lost, and what their metrics tell adds up.

const test = require('ava');
const http = require('node:http');
const { once } = require('node:events');
const { text } = require('node:stream/consumers');
const { Slab } = require('../..');
const { testWhere } = require('../helpers/backend.js');
const { fixturePath } = require('../helpers/child.js');
const { folder } = require('../helpers/folder.js');
const { freePort } = require('../helpers/free-port.js');
const { seriesOf } = require('../helpers/metrics-page.js');
const { isAlive, startPm2 } = require('../helpers/pm2.js');
const { hasPm2 } = require('../helpers/readers.js');
const { allCanBeHad } = require('../helpers/slab.js');
const { canInherit } = require('../helpers/slab-kinds.js');
const { freshName } = require('../helpers/slab-process.js');
const { turns, until } = require('../helpers/until.js');

const WORKERS = 3;
const CLIENTS = 6;
const COUNT = 256; // slots
const RELOADS = 3;

/** Two ports and more, one after the other, of which the first ones were free. */
async function freePorts() {
  const [port, metrics] = [await freePort(), await freePort()];
  return { port, metrics };
}

/** On a connection of its own: PM2 deals them out to its workers. */
async function ask(port, method, path) {
  const req = http.request({ port, host: '127.0.0.1', method, path, agent: false }).end();
  const [res] = await once(req, 'response');
  const body = await text(res);
  if (res.statusCode !== 200) throw new Error(`${method} ${path}: ${res.statusCode} ${body}`);
  return body;
}

/** Puts an entry and takes it, from whichever worker: the processes of both. */
async function passOn(port) {
  const token = await ask(port, 'PUT', '/');
  return (await ask(port, 'GET', `/${token}`)).split(' ');
}

/** Clients that do so until they are stopped. */
function load(port) {
  const pairs = [];
  const errors = [];
  let isOver = false;
  const client = async () => {
    while (!isOver)
      await passOn(port).then(
        (pair) => pairs.push(pair),
        (error) => errors.push(error),
      );
  };
  const clients = Array.from({ length: CLIENTS }, client);
  return {
    pairs,
    errors,
    stop() {
      isOver = true;
      return Promise.all(clients);
    },
  };
}

/** The pages of all workers, once each of them has one. */
async function pagesOf(metrics, pids) {
  const pages = new Map();
  while (pages.size < WORKERS) {
    for (let i = 0; i < WORKERS; i++) {
      const page = await fetch(`http://127.0.0.1:${metrics + i}/`).then(
        (res) => res.text(),
        () => '',
      );
      const [, pid] = /pid="(\d+)"/.exec(page) ?? [];
      if (pids.has(pid)) pages.set(pid, seriesOf(page));
    }
    await turns(10);
  }
  return pages;
}

/** Sum of a series over the workers. */
function sum(pages, name, labels) {
  const values = [...pages].map(([pid, page]) => page[`${name}{pid="${pid}",${labels}}`]);
  return values.reduce((all, value) => all + value, 0);
}

testWhere(
  hasPm2 && canInherit,
  'PM2 (scripts/ci/get-readers.js), and slabs that processes share',
  'PM2 replaces workers that share a slab under load: no slot is lost, and their metrics add up',
  async (t) => {
    const { port, metrics } = await freePorts();
    const CACHE = freshName(t);
    const cache = Slab.create(CACHE, { sizes: [64], count: COUNT });
    t.teardown(() => cache.close({ force: true }));
    const app = {
      name: 'shared',
      script: fixturePath('slab/pm2-worker.js'),
      instances: WORKERS,
      exec_mode: 'cluster',
      wait_ready: true,
      listen_timeout: 60_000,
      kill_timeout: 60_000,
      env: { PORT: port, METRICS_PORT: metrics, CACHE, COUNT },
    };
    const { pm2, end } = await startPm2(t, folder(t), app);
    const workers = () =>
      new Set(cache.participants().flatMap(({ pid, self }) => (self ? [] : `${pid}`)));
    let before = new Set();
    for (let round = 0; round <= RELOADS; round++) {
      const isOf = (pid) => !before.has(pid);
      await until(() => workers().size === WORKERS && [...workers()].every(isOf));
      const now = workers();
      const served = sum(await pagesOf(metrics, now), 'ralloc_arena_requests_total', 'arena="api"');
      const quiet = load(port);
      await until(() => new Set(quiet.pairs.flat()).size === WORKERS && quiet.pairs.length > 300);
      await quiet.stop();
      t.deepEqual(quiet.errors, []);
      t.true(
        quiet.pairs.some(([from, to]) => from !== to),
        'an entry of another worker',
      );
      const pages = await pagesOf(metrics, now);
      const requests = sum(pages, 'ralloc_arena_requests_total', 'arena="api"');
      t.is(requests - served, 2 * quiet.pairs.length);
      t.is(sum(pages, 'ralloc_slab_buffers', `slab="${CACHE}"`), 0);
      for (const [pid, page] of pages) {
        const of = (name) => page[`ralloc_shared_slab_${name}{pid="${pid}",slab="${CACHE}"}`];
        t.is(of('slots'), COUNT);
        t.is(of('participants'), WORKERS + 1);
      }
      if (round === RELOADS) break;
      const busy = load(port);
      await until(() => busy.pairs.length > 100);
      await pm2('reload', 'shared');
      await until(() => [...now].every((pid) => !isAlive(Number(pid))));
      await busy.stop();
      t.deepEqual(busy.errors, []);
      t.true(
        busy.pairs.some(([from, to]) => now.has(from) && !now.has(to)),
        'an entry of a worker that went',
      );
      before = now;
    }
    await end();
    await until(() => workers().size === 0);
    allCanBeHad(t, cache);
  },
  test.serial,
);
