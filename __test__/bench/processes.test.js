'use strict';

// Whether the benchmarks that have processes of their own run, and come to an end: one short block of each kind.

const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');
const test = require('ava');
const { canShare, sharedTest } = require('../helpers/slab-process.js');

const ONE = path.join(__dirname, '..', '..', 'bench', 'one.js');

const SCENARIOS = {
  'messages.js': ['filled and summed, 64 KiB', 'handed over, 1 MiB'],
  'sharing.js': ['checked, 100 of 256', 'two at once: recycle, 100 of 4,096'],
};

for (const [file, names] of Object.entries(SCENARIOS)) {
  for (const name of names) {
    sharedTest(`${file}, "${name}": every rival has its figures`, async (t) => {
      const env = { ...process.env, RALLOC_BENCH_QUICK: '1' };
      const ended = await promisify(execFile)(process.execPath, [ONE, file, name], { env });
      const { rows } = JSON.parse(ended.stdout);
      t.true(rows.length >= 2);
      for (const { name: rival, samples } of rows) {
        t.true(Math.min(...samples) > 0, rival);
      }
      t.is(ended.stderr, '');
    });
  }
  test(`${file} has scenarios only where processes can share a slab`, (t) => {
    const { scenarios } = require(`../../bench/${file}`);
    t.is(Object.keys(scenarios).length > 0, canShare);
  });
}
