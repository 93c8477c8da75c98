'use strict';

// What 1,000 live arenas leave in RAM once nobody uses them: each took three chunks (64 to 256 KiB), was
// reset, and waits. RSS as the system counts it, in a fresh process for every sample.
//
// Caveats: the baseline is the same process after the same work with arenas that it has closed, so that
// V8's heap and Node's code pages are as large before as after; a process that never did such work has 10 to 15 MB
// less, none of which is memory of a chunk. On the fallback chunks are V8's own, which it frees when it
// collects, and an idle process does not collect.

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { quick, rowsOf } = require('./harness.js');

const SAMPLES = 2; // a block
const MB = 1e6;

function sample(backend) {
  const file = path.join(__dirname, 'fixtures', 'idle.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], {
    env: { ...process.env, RALLOC_BACKEND: backend },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`bench/fixtures/idle.js failed: ${stderr}`);
  return JSON.parse(stdout);
}

function idle(backend) {
  const samples = Array.from({ length: quick ? 1 : SAMPLES }, () => sample(backend));
  const rss = (name) => samples.map((one) => one[name] / MB);
  const of = {
    'RSS before': rss('before'),
    'with 1,000 arenas made': rss('made'),
    'all of them in use': rss('inUse'),
    'all of them reset': rss('afterReset'),
    'after idle trimming': rss('trimmed'),
  };
  const rows = rowsOf(of, 'MB');
  const more = samples.map(({ trimmed, before }) => (trimmed - before) / MB);
  const chunks = samples.map(({ resident }) => resident / MB);
  const blocked = samples.map((one) => one.blocked);
  const extra = [
    ...rowsOf({ 'after trimming, more than before': more, 'of that, in chunks': chunks }, 'MB'),
    ...rowsOf({ 'longest that trimming held the event loop': blocked }, 'ms'),
  ];
  return [...rows, ...extra.map((row) => ({ ...row, derived: true }))];
}

module.exports = {
  notMeasured:
    'page tables and the kernel’s records of mappings; the cost of the next use (a page fault a page)',
  scenarios: { native: () => idle(''), fallback: () => idle('js') },
};
