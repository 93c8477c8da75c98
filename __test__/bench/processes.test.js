'use strict';
// tier: tools

// Whether the benchmarks that have processes of their own run, and come to an end: one short block of each kind.

const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');
const test = require('ava');
const { merge } = require('../../bench/report.js');
const { canInherit, inheritTest } = require('../helpers/slab-process.js');

const ONE = path.join(__dirname, '..', '..', 'bench', 'one.js');

async function blockOf(file, scenario) {
  const env = { ...process.env, RALLOC_BENCH_QUICK: '1' };
  const ended = await promisify(execFile)(process.execPath, [ONE, file, scenario], { env });
  return { block: JSON.parse(ended.stdout), stderr: ended.stderr };
}

const SCENARIOS = {
  'messages.js': ['filled and summed, 64 KiB', 'handed over, 1 MiB'],
  'sharing.js': ['checked, 100 of 256', 'two at once: recycle, 100 of 4,096'],
};

for (const [file, names] of Object.entries(SCENARIOS)) {
  for (const name of names) {
    inheritTest(`${file}, "${name}": every rival has its figures`, async (t) => {
      const { block, stderr } = await blockOf(file, name);
      t.true(block.rows.length >= 2);
      for (const { name: rival, samples } of block.rows) {
        t.true(Math.min(...samples) > 0, rival);
      }
      t.is(stderr, '');
    });
  }
  test(`${file} has scenarios only where processes can share a slab`, (t) => {
    const { scenarios } = require(`../../bench/${file}`);
    t.is(Object.keys(scenarios).length > 0, canInherit);
  });
}

const SERVERS = {
  'body.js': ['bare, 64 KiB in pieces of 1,400 B', 'https, 8 KiB'],
  'pump.js': ['TCP proxy, 1 MiB down', 'HTTP proxy, 1 MiB up'],
};

for (const [file, names] of Object.entries(SERVERS)) {
  for (const name of names) {
    test(`${file}, "${name}": CPU, memory and collections of each server`, async (t) => {
      const { block, stderr } = await blockOf(file, name);
      const { rows } = merge([block]);
      const { kinds } = require(`../../bench/${file}`);
      const rivals = Object.keys(kinds[name.replace(/,.*/, '')]);
      t.deepEqual(
        rows.map((row) => row.name),
        [
          ...rivals,
          ...rivals.map((rival) => `peak RSS, ${rival}`),
          ...rivals.map((rival) => `major GCs in 10,000, ${rival}`),
        ],
      );
      const count = rivals.length;
      for (const { median, wall } of rows.slice(0, count)) t.true(median > 0 && wall > 0);
      for (const { median, base } of rows.slice(count, 2 * count)) {
        t.true(median > 10, 'megabytes');
        t.is(base, count, 'compared with the first peak');
      }
      t.is(stderr, '');
    });
  }
}
