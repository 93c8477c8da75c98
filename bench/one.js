'use strict';

// One block of a scenario, in this process; run.js starts it: node bench/one.js FILE SCENARIO

const os = require('node:os');
const path = require('node:path');

async function main([file, scenario]) {
  const bench = require(path.join(__dirname, file));
  const rows = await bench.scenarios[scenario]();
  const { backend } = require('..');
  const { blocks } = require('./harness.js');
  const [cpu] = os.cpus();
  const result = {
    bench: path.basename(file, '.js'),
    scenario,
    node: process.versions.node,
    v8: process.versions.v8,
    backend,
    machine: `${cpu.model}, ${os.cpus().length} cores, load ${os.loadavg()[0].toFixed(1)}`,
    blocks,
    rows,
  };
  await new Promise((resolve) => process.stdout.write(`${JSON.stringify(result)}\n`, resolve));
  process.exit();
}

main(process.argv.slice(2));
