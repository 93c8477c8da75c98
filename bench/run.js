'use strict';

// node bench/run.js [BENCH ...] [--node PATH ...] [--scenario TEXT] [--json] [--quick]
// Every scenario runs in fresh processes, one after another. Without BENCH: all of them.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { merge, printHead, printScenario } = require('./report.js');

const TOOLS = [
  ...['harness.js', 'one.js', 'publish.js', 'report.js', 'run.js', 'self-test.js', 'servers.js'],
  ...['memory.js', 'memory-chart.js', 'tables.js'],
];

function benches(names) {
  const all = fs
    .readdirSync(__dirname)
    .filter((file) => file.endsWith('.js') && !TOOLS.includes(file));
  const unknown = names.filter((name) => !all.includes(`${name}.js`));
  if (unknown.length > 0) {
    throw new Error(`no such bench: ${unknown.join(', ')} (there are ${all.join(', ')})`);
  }
  return names.length > 0 ? names.map((name) => `${name}.js`) : all;
}

function runOne(node, file, scenario, quick) {
  const { status, signal, stdout } = spawnSync(
    node,
    [path.join(__dirname, 'one.js'), file, scenario],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
      env: quick ? { ...process.env, RALLOC_BENCH_QUICK: '1' } : process.env,
    },
  );
  if (status !== 0) throw new Error(`${file} "${scenario}" ended with ${signal || status}`);
  return JSON.parse(stdout);
}

/** All blocks of a scenario, as one result. */
function runAll(node, file, scenario, quick) {
  const blocks = [runOne(node, file, scenario, quick)];
  while (blocks.length < blocks[0].blocks) blocks.push(runOne(node, file, scenario, quick));
  return merge(blocks);
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      node: { type: 'string', multiple: true },
      scenario: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
    },
  });
  let failed = false;
  for (const node of values.node ?? [process.execPath]) {
    let headed = false;
    for (const file of benches(positionals)) {
      const { scenarios, notMeasured } = require(path.join(__dirname, file));
      const wanted = Object.keys(scenarios).filter((name) => name.includes(values.scenario));
      for (const scenario of wanted) {
        try {
          const result = runAll(node, file, scenario, values.quick);
          if (values.json) {
            console.log(JSON.stringify({ ...result, notMeasured }));
            continue;
          }
          if (!headed) printHead(result);
          headed = true;
          printScenario(result);
        } catch (error) {
          failed = true;
          console.error(error.message);
        }
      }
      if (wanted.length > 0 && !values.json) console.log(`not measured: ${notMeasured}`);
    }
  }
  process.exitCode = failed ? 1 : 0;
}

main();
