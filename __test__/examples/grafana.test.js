'use strict';
// tier: tools

// The dashboard and the alerts of examples/grafana/, on a real Prometheus that scrapes a server under load.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const test = require('ava');
const express = require('express');
const { Budget, Region, Slab, metricsContentType, metricsText, requestArena } = require('../..');
const { FILE, build } = require('../../examples/grafana/build.js');
const { METRICS } = require('../../lib/metrics/table.js');
const { get, serve } = require('../helpers/ask.js');
const { testWhere } = require('../helpers/backend.js');
const { startPrometheus } = require('../helpers/prometheus.js');
const { hasPrometheus, promtool } = require('../helpers/readers.js');
const { turns } = require('../helpers/until.js');

const MOST_ROUNDS = 2000; // until all is scraped twice, which takes a dozen
const NEEDS = 'scripts/ci/get-readers.js';
const FOLDER = path.dirname(FILE);
const ALERTS = path.join(FOLDER, 'alerts.yml');

const dashboard = () => JSON.parse(fs.readFileSync(FILE, 'utf8'));
const queries = () =>
  dashboard().panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

test('the dashboard is what its program makes', (t) => {
  t.deepEqual(dashboard(), build());
});

test("the program has the types of Grafana's builders", (t) => {
  const tsc = path.join(__dirname, '../../node_modules/typescript-latest/bin/tsc');
  const files = ['--ignoreConfig', '--allowJs', '--checkJs', '--noEmit', '--skipLibCheck'];
  const modules = ['--types', 'node', '--target', 'es2022', '--module', 'nodenext'];
  const strict = ['--strict', '--noImplicitAny', 'false'];
  const program = path.join(FOLDER, 'build.js');
  const args = [tsc, ...files, ...modules, ...strict, program];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  t.is(status, 0, stdout + stderr);
});

test('dashboard and alerts ask for metrics that there are', (t) => {
  const names = METRICS.map(({ name }) => name);
  const text = `${fs.readFileSync(FILE, 'utf8')}${fs.readFileSync(ALERTS, 'utf8')}`;
  const asked = [...new Set(text.match(/\bralloc_\w+/g))];
  t.true(asked.length > 30);
  t.deepEqual(
    asked.filter((name) => !names.includes(name)),
    [],
  );
});

for (const args of [
  ['check', 'rules', 'alerts.yml'],
  ['test', 'rules', 'alerts.test.yml'],
]) {
  testWhere(hasPrometheus, NEEDS, `promtool ${args.join(' ')}`, (t) => {
    const { status, stdout, stderr } = spawnSync(promtool, args, { cwd: FOLDER, encoding: 'utf8' });
    t.is(status, 0, stdout + stderr);
  });
}

/** A server that has some of everything, and does something with each request. */
function application() {
  const budget = new Budget({ name: 'all', maxBytes: 1 << 20 });
  const slab = new Slab({ name: 'slots', sizes: [64], count: 4 });
  const region = new Region({ name: 'cache' });
  const kept = region.alloc(1000);
  const app = express();
  app.get('/metrics', (req, res) => {
    const options = { openMetrics: req.get('accept') };
    res.type(metricsContentType(options)).send(metricsText(options));
  });
  app.use(requestArena({ name: 'api' }));
  app.get('/', (req, res) => {
    const charge = budget.charge(1000);
    slab.free(slab.alloc(10));
    res.once('close', () => charge.release());
    res.end(req.arena.alloc(1000));
  });
  const end = () => {
    region.free(kept);
    for (const one of [slab, region, budget]) one.close();
  };
  return { app, end };
}

testWhere(
  hasPrometheus,
  NEEDS,
  'each query of the dashboard has data in Prometheus, and it takes the alerts',
  async (t) => {
    const { app, end } = application();
    const url = await serve(t, app);
    t.teardown(end);
    const { query, targets } = await startPrometheus(t, [new URL(url).host], [ALERTS]);
    const asked = queries().map((text) =>
      text.replaceAll(/\$(job|instance)/g, '.+').replaceAll('$__rate_interval', '1h'),
    );
    t.true(asked.length > 30);
    const unanswered = new Set(asked);
    for (let left = MOST_ROUNDS; left > 0 && unanswered.size > 0; left--) {
      await get(url);
      await turns(10);
      for (const one of unanswered) if ((await query(one)).length > 0) unanswered.delete(one);
    }
    t.deepEqual([...unanswered], []);
    const [{ health, lastError }] = await targets();
    t.is(health, 'up', lastError);
    const known = await query('count({__name__=~"ralloc_.+"}) by (__name__)');
    t.true(known.length > 50);
    const [{ value }] = await query('ralloc_budget_limit_bytes{budget="all"}');
    t.is(Number(value[1]), 1 << 20);
  },
);
