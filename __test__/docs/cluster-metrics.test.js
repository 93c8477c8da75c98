'use strict';
// tier: tools

// The program of docs/guide/cluster.md that adds up the metrics of a cluster, as it stands.

const { fork } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { version } = require('../..');
const { testWhere } = require('../helpers/backend.js');
const { freePort } = require('../helpers/free-port.js');
const { seriesOf } = require('../helpers/metrics-page.js');
const { canInherit } = require('../helpers/slab-kinds.js');
const { freshName } = require('../helpers/slab-process.js');
const { packageFolder, programs } = require('../helpers/snippets.js');
const { turns } = require('../helpers/until.js');

const REQUESTS = 50;

/** Null where nobody answers yet. */
const get = async (port) => {
  const response = await fetch(`http://127.0.0.1:${port}/`).catch(() => null);
  return response === null ? null : response.text();
};

async function untilAnswered(port, wanted) {
  for (;;) {
    const text = await get(port);
    if (text !== null && wanted(text)) return text;
    await turns(10);
  }
}

testWhere(
  canInherit,
  'slabs that processes share, and signals',
  'the workers of a cluster are added up, and what they share is told once',
  async (t) => {
    const folder = packageFolder(t);
    const file = path.join(folder, 'cluster.js');
    const heading = 'Metrics of a cluster';
    const { code } = programs('docs/guide/cluster.md').find(
      (program) => program.heading === heading,
    );
    fs.writeFileSync(file, code);
    const [port, metricsPort] = [await freePort(), await freePort()];
    const env = { WORKERS: 2, PORT: port, METRICS_PORT: metricsPort, CACHE: freshName(t) };
    const child = fork(file, { env: { ...process.env, ...env } });
    t.teardown(() => child.kill('SIGKILL'));
    const of = (name) => `${name}{slab="${env.CACHE}"}`;
    const told = (text) => seriesOf(text)[of('ralloc_shared_slab_participants')];
    await untilAnswered(port, () => true);
    await untilAnswered(metricsPort, (text) => told(text) === 2);
    const before = seriesOf(await get(metricsPort));
    for (let i = 0; i < REQUESTS; i++) t.regex(await get(port), /^answered by \d+$/);
    const requests = 'ralloc_arena_requests_total{arena="api"}';
    const after = seriesOf(await get(metricsPort));
    t.is(after[requests] - before[requests], REQUESTS);
    t.is(after[of('ralloc_shared_slab_slots')], 64);
    t.is(after[of('ralloc_slab_buffers')], 0);
    t.is(after[`ralloc_build_info{version="${version}",backend="native"}`], 1);
    child.kill('SIGTERM');
    t.deepEqual(await once(child, 'exit'), [0, null]);
  },
);
