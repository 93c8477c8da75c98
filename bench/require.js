'use strict';

// What `require('ralloc')` adds to a start: a fresh process for every sample, in turns.
//
// Caveats: the files are in the page cache after the first round; a cold disk is slower. The time is taken
// inside the process around the one require, so starting Node itself is not in it.

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { compareSamples } = require('./harness.js');

const SAMPLES = 32;
const ROOT = path.join(__dirname, '..');

const PROGRAM = `
  const begun = process.hrtime.bigint();
  require(process.argv[1]);
  process.stdout.write(String(Number(process.hrtime.bigint() - begun) / 1e6));
`;

/** Milliseconds that a fresh process takes to require `name`. */
function loading(name, env = {}) {
  return () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', PROGRAM, name], {
      cwd: ROOT,
      env: { ...process.env, ...env },
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`require(${JSON.stringify(name)}) failed: ${stderr}`);
    return Number(stdout);
  };
}

const start = () =>
  compareSamples(
    {
      'node:path (nothing to load)': loading('node:path'),
      ralloc: loading(ROOT),
      'ralloc, fallback': loading(ROOT, { RALLOC_BACKEND: 'js' }),
      express: loading('express'),
    },
    'ms',
    SAMPLES,
  );

module.exports = {
  notMeasured: 'a cold page cache; the first allocation after the require',
  scenarios: { start },
};
