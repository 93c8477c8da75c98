'use strict';
// tier: tools

// The dashboard and the alerts of examples/grafana/, on a real Prometheus that scrapes a server under load.

const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const test = require('ava');
const { FILE, build } = require('../../examples/grafana/build.js');
const { application } = require('../../examples/grafana/server.js');
const { METRICS } = require('../../lib/metrics/table.js');
const { get, serve } = require('../helpers/ask.js');
const { testWhere } = require('../helpers/backend.js');
const { newFolder, removeFolder } = require('../helpers/folder.js');
const { hasPrometheus, prometheus, promtool } = require('../helpers/readers.js');
const { turns } = require('../helpers/until.js');

const EVERY = '200ms';

/** Starts a Prometheus (scripts/ci/get-readers.js), which scrapes servers of a test: `query(expression)` resolves with its series, [{ metric, value }]; `targets()` with what it scrapes. */
async function startPrometheus(t, target) {
  const dir = newFolder();
  const config = path.join(dir, 'prometheus.yml');
  const settings = {
    global: { scrape_interval: EVERY, evaluation_interval: EVERY },
    rule_files: [ALERTS],
    scrape_configs: [{ job_name: 'test', static_configs: [{ targets: [target] }] }],
  };
  fs.writeFileSync(config, JSON.stringify(settings)); // JSON is YAML
  const args = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${path.join(dir, 'data')}`,
    '--web.listen-address=127.0.0.1:0',
  ];
  const child = spawn(path.join(prometheus, 'usr', 'bin', 'prometheus'), args, {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.teardown(async () => {
    const exit = once(child, 'exit');
    if (child.kill('SIGKILL')) await exit;
    removeFolder(dir);
  });
  const address = await listening(child.stderr);
  const ask = async (what) => (await fetch(`http://${address}/api/v1/${what}`)).json();
  return {
    async query(query) {
      const { status, error, data } = await ask(`query?${new URLSearchParams({ query })}`);
      if (status !== 'success') throw new Error(`${query}: ${error}`);
      return data.result;
    },
    targets: async () => (await ask('targets')).data.activeTargets,
  };
}

/** Where it listens, by its own log, which is read to its end. */
function listening(stderr) {
  const lines = readline.createInterface({ input: stderr });
  const all = [];
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      all.push(line);
      const address = /msg="Listening on" address=(\S+)/.exec(line)?.[1];
      if (address !== undefined) resolve(address);
    });
    lines.on('close', () => reject(new Error(all.join('\n'))));
  });
}

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
    const { query, targets } = await startPrometheus(t, new URL(url).host);
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
