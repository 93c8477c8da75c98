'use strict';

// Everything, in full, on every Node and on the fallback: random loads, kills, the whole table of endings. Takes hours, by hand:
//
//   npm run soak -- [20|22|24|26|fallback …]
//   npm run soak -- mutants [folder|file …]    only mutation testing: mutants.js
//   npm run soak -- floods [server …]          only servers under floods, with a memory limit: floods.js
//   npm run soak -- reports [server …]         only what ralloc run leaves of servers that take too much memory: reports.js
//   npm run soak -- flight                     only deaths by the kernel, with a flight recorder: flight.js
//
// The Nodes are brought by npm into target/tools, and what tests run of others, such as PM2 and Prometheus, by ci/get-readers.js. RALLOC_SEED= the seed that a failure names repeats its choices.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');
const TOOLS = path.join(ROOT, 'target', 'tools');
const NODES = ['20', '22', '24', '26'];
const PARTS = [...NODES, 'fallback'];
const PROGRAMS = ['flight', 'floods', 'mutants', 'reports'];

/** This Node, where it is of that version, or one from npm. */
function nodeOf(version) {
  if (process.versions.node.startsWith(`${version}.`)) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  const folder = path.join(TOOLS, `node-${version}`);
  const binary = path.join(folder, 'node_modules', name, 'bin', 'node');
  if (!fs.existsSync(binary)) {
    const flags = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts'];
    spawnSync('npm', ['install', '--prefix', folder, ...flags, `${name}@${version}`], {
      stdio: 'inherit',
    });
  }
  return binary;
}

function tests(node, env = {}) {
  return spawnSync(node, [path.join(__dirname, 'test.js'), 'all'], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, RALLOC_BUDGET: 'soak', ...env },
  }).status;
}

function run(part) {
  console.log(`==== ${part}`);
  return part === 'fallback'
    ? tests(process.execPath, { RALLOC_BACKEND: 'js' })
    : tests(nodeOf(part));
}

const chosen = process.argv.slice(2);
const unknown = chosen.find((part) => !PARTS.includes(part));
if (PROGRAMS.includes(chosen[0])) {
  const program = path.join(__dirname, `${chosen[0]}.js`);
  const { status } = spawnSync(process.execPath, [program, ...chosen.slice(1)], {
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
} else if (unknown !== undefined) {
  console.error(
    `soak: there is no part ${unknown}; there are ${[...PARTS, ...PROGRAMS].join(', ')}`,
  );
  process.exitCode = 2;
} else {
  spawnSync(process.execPath, [path.join(__dirname, 'ci', 'get-readers.js')], { stdio: 'inherit' });
  const failed = (chosen.length > 0 ? chosen : PARTS).filter((part) => run(part) !== 0);
  console.log(failed.length === 0 ? 'soak: all passed' : `soak: failed on ${failed.join(', ')}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}
