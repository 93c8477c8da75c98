'use strict';

// node bench/run.js [BENCH ...] [--node PATH ...] [--scenario TEXT ...] [--json] [--quick] Every
// scenario of operations/ runs in fresh processes, one after another. Without BENCH: all of them.
// --json: raw results, one a line (method/results.js).

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { tableOf } = require('./method/report.js');
const { about, merge } = require('./method/results.js');

const ROOT = path.join(__dirname, '..');
const FOLDER = path.join(__dirname, 'operations');

function benches(names) {
  const all = fs.readdirSync(FOLDER).filter((file) => file.endsWith('.js'));
  const unknown = names.filter((name) => !all.includes(`${name}.js`));
  if (unknown.length > 0)
    throw new Error(`no such bench: ${unknown.join(', ')} (there are ${all.join(', ')})`);
  return names.length > 0 ? names.map((name) => `${name}.js`) : all;
}

/** One block of a scenario, in this process: prints its rows. */
async function runBlock([file, scenario]) {
  const { isApart, scenarios, ...more } = require(path.join(FOLDER, file));
  const rows = await scenarios[scenario]();
  const compared = require('./method/compare.js');
  const blocks = compared.quick ? 1 : (more.blocks ?? compared.blocks);
  const result = {
    ...{ bench: path.basename(file, '.js'), scenario, node: process.versions.node },
    ...{ backend: require('..').backend, ...about(ROOT), blocks, isApart, rows },
  };
  await new Promise((resolve) => process.stdout.write(`${JSON.stringify(result)}\n`, resolve));
  process.exit();
}

function startBlock(node, file, scenario, quick) {
  const { status, signal, stdout } = spawnSync(node, [__filename, '--block', file, scenario], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    env: quick ? { ...process.env, RALLOC_BENCH_QUICK: '1' } : process.env,
  });
  if (status !== 0) throw new Error(`${file} "${scenario}" ended with ${signal || status}`);
  return JSON.parse(stdout);
}

/** All blocks of a scenario, as one result. */
function runAll(...args) {
  const blocks = [startBlock(...args)];
  while (blocks.length < blocks[0].blocks) blocks.push(startBlock(...args));
  const { blocks: _, ...result } = merge(blocks);
  return result;
}

function main({ values, positionals }) {
  for (const node of values.node ?? [process.execPath]) {
    for (const file of benches(positionals)) {
      const { scenarios, notMeasured } = require(path.join(FOLDER, file));
      const isWanted = (name) => values.scenario.some((part) => name.includes(part));
      const wanted = Object.keys(scenarios).filter(isWanted);
      for (const scenario of wanted) {
        try {
          const result = runAll(node, file, scenario, values.quick);
          const { bench, node: version, backend, cpu, cores } = result;
          const where = `Node ${version}, ralloc on ${backend}; ${cpu}, ${cores} cores`;
          if (values.json) console.log(JSON.stringify(result));
          else console.log(`\n${bench}: ${scenario}; ${where}\n${tableOf(result)}`);
        } catch (error) {
          process.exitCode = 1;
          console.error(error.message);
        }
      }
      if (wanted.length > 0 && !values.json) console.log(`not measured: ${notMeasured}`);
    }
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: 'string', multiple: true },
    scenario: { type: 'string', multiple: true, default: [''] },
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    block: { type: 'boolean', default: false }, // of this program itself
  },
});
if (values.block) runBlock(positionals);
else main({ values, positionals });
