'use strict';
// tier: tools

// The dashboard and the alerts of examples/grafana/, on a real Prometheus that scrapes a server under load.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const test = require('ava');
const { FILE, build } = require('../../examples/grafana/build.js');
const { application } = require('../../examples/grafana/server.js');
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

testWhere(
  hasPrometheus,
  NEEDS,
  'each query of the dashboard has data in Prometheus, and it takes the alerts',
  async (t) => {
    const { app, close } = application();
    const url = await serve(t, app);
    t.teardown(close);
    const { query, targets } = await startPrometheus(t, [new URL(url).host], [ALERTS]);
    const asked = queries().map((text) =>
      text.replaceAll(/\$(job|instance)/g, '.+').replaceAll('$__rate_interval', '1h'),
    );
    t.true(asked.length > 30);
    const unanswered = new Set(asked);
    for (let left = MOST_ROUNDS; left > 0 && unanswered.size > 0; left--) {
      await get(`${url}/frame`);
      await turns(10);
      for (const one of unanswered) if ((await query(one)).length > 0) unanswered.delete(one);
    }
    t.deepEqual([...unanswered], []);
    const [{ health, lastError }] = await targets();
    t.is(health, 'up', lastError);
    const known = await query('count({__name__=~"ralloc_.+"}) by (__name__)');
    t.true(known.length > 50);
    const [{ value }] = await query('ralloc_budget_limit_bytes{budget="all"}');
    t.is(Number(value[1]), 16 << 20);
  },
);
