'use strict';

// A Prometheus of its own (scripts/ci/get-readers.js), which scrapes servers of a test.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const { newFolder, removeFolder } = require('./folder.js');
const { prometheus } = require('./readers.js');

const EVERY_MS = 200;

/** JSON is YAML. */
const configOf = (targets, rules) => ({
  global: { scrape_interval: `${EVERY_MS}ms`, evaluation_interval: `${EVERY_MS}ms` },
  rule_files: rules,
  scrape_configs: [{ job_name: 'test', static_configs: [{ targets }] }],
});

/** Starts it: `query(expression)` resolves with its series, [{ metric, value }]; `range(expression, start, end, step)`, in seconds, with [{ metric, values }]. */
async function startPrometheus(t, targets, rules = []) {
  const dir = newFolder();
  const config = path.join(dir, 'prometheus.yml');
  fs.writeFileSync(config, JSON.stringify(configOf(targets, rules)));
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
  const resultOf = async (how, options) => {
    const { status, error, data } = await ask(`${how}?${new URLSearchParams(options)}`);
    if (status !== 'success') throw new Error(`${options.query}: ${error}`);
    return data.result;
  };
  return {
    query: (query) => resultOf('query', { query }),
    range: (query, start, end, step) => resultOf('query_range', { query, start, end, step }),
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

module.exports = { startPrometheus };
