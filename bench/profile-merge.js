'use strict';

// `ralloc merge` of the profiles of a fleet: 1,000 profiles of an application with 10,000 sites, some 48 million cells.
//
// Caveats: the files are in the page cache. 20 different ones are there 50 times each, for making them takes longer than merging them; a
// fleet's differ more. Their stacks have eight frames. Wall clock of a fresh process, Node's start (30 to 60 ms) included.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { compareSamples, quick } = require('./harness.js');

const SAMPLES = 8;
const PROFILES = quick ? 20 : 1000;
const DIFFERENT = quick ? 2 : 20;
const PROGRAM = path.join(__dirname, 'fixtures', 'profile-merge.js');

function run(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`bench/fixtures/profile-merge.js failed: ${stderr}`);
  return stdout;
}

const merging = (dir, how) => () => Number(run(how, dir));

async function fleet() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-bench-'));
  try {
    run('make', dir, String(PROFILES), String(DIFFERENT));
    return await compareSamples(
      {
        'reading the files, line by line': merging(dir, 'read'),
        'ralloc merge': merging(dir, 'merge'),
      },
      'ms',
      SAMPLES,
    );
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}

module.exports = { notMeasured: 'a cold disk', scenarios: { fleet } };
