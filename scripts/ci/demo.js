'use strict';

// A short run of the demo on this Node, with the arguments given: it must end well, print nothing but one
// JSON object on stdout, and have verified every run without a wrong answer.

const { spawnSync } = require('node:child_process');
const path = require('node:path');

const FIELDS = [
  'mix',
  'server',
  'allocator',
  'rps',
  'p50',
  'p99',
  'p999',
  'cpuUs',
  'fullCpuUs',
  'rss',
  'gcMs',
  'majorGcs',
  'requests',
  'errors',
  'verified',
  'spread',
  'ratio',
  'removed',
];

/** @returns {string[]} what is wrong with the demo's result */
function faultsOf(result) {
  const faults = ['node', 'headline', 'backend', 'files', 'runs'].filter((key) => !(key in result));
  if (faults.length > 0) return [`missing: ${faults.join(', ')}`];
  if (!Array.isArray(result.runs) || result.runs.length === 0) return ['no runs'];
  return result.runs.flatMap((run) => {
    const name = `${run.mix}/${run.server}/${run.allocator}`;
    const missing = FIELDS.filter((field) => !(field in run));
    if (missing.length > 0) return [`${name}: missing ${missing.join(', ')}`];
    if (run.errors !== 0) return [`${name}: ${run.errors} errors`];
    return run.requests > 0 && run.verified ? [] : [`${name}: nothing was verified`];
  });
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`stdout is not one JSON object (${error.message}): ${text.slice(0, 300)}`);
  }
}

const { status, signal, stdout } = spawnSync(
  process.execPath,
  ['demo/run.js', '--json', '--node', 'self', '--blocks', '2', ...process.argv.slice(2)],
  { cwd: path.join(__dirname, '..', '..'), stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' },
);
if (status !== 0) {
  console.error(`the demo ended with ${signal || `exit code ${status}`}`);
  process.exitCode = 1;
} else {
  const result = parse(stdout);
  const faults = faultsOf(result);
  for (const fault of faults) console.error(fault);
  const shown = result.runs?.map(
    ({ server, mix, allocator, rps }) => `${server} ${mix} ${allocator} ${Math.round(rps)}/s`,
  );
  console.log(`Node ${result.node}, ${result.backend}: ${shown?.join(', ')}`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
