'use strict';

// A cache of 125 MB in entries of 16 to 112 KiB, each filled, of which each put evicts the oldest:
// in a region, in Buffers, and in Buffers that are given back by release(). A process for each: its
// RSS, and the 99th percentile of a put. "Under 1 GB": by `ulimit -d`, of which V8 is told as in a
// container: half of it for its heap.
//
// Caveats: the process does nothing else, so V8 collects for it alone, at the end of turns as in a
// server. P99 is wall clock, which on a busy machine measures the neighbours.

const { spawnSync } = require('node:child_process');
const { Region, release } = require('../..');
const { quantile } = require('../../tools/compare/statistics.js');
const { compareSamples, quick, turn } = require('../method/compare.js');

const KiB = 1024;
const LIVE = 125e6; // bytes
const LIMIT = 1e9;
const PUTS = 20_000;
const PER_TURN = 50; // puts

const KINDS = {
  'Buffer.allocUnsafeSlow': () => ({ alloc: Buffer.allocUnsafeSlow, drop() {} }),
  'with release()': () => ({ alloc: Buffer.allocUnsafeSlow, drop: release }),
  region() {
    const region = new Region({ maxBytes: 200e6 });
    return { alloc: (size) => region.allocUnsafe(size), drop: (entry) => region.free(entry) };
  },
};

/** What the process of a kind does: prints { heldRss, p99Ns }. */
async function fill(kind, puts) {
  const { alloc, drop } = KINDS[kind]();
  const cache = new Map();
  let [state, bytes, next] = [1, 0, 0];
  const draw = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const put = () => {
    const entry = alloc(16 * KiB + draw(96 * KiB)).fill(next & 255);
    cache.set(`/${next++}`, entry);
    bytes += entry.length;
    while (bytes > LIVE) {
      const [key, oldest] = cache.entries().next().value;
      cache.delete(key);
      bytes -= oldest.length;
      drop(oldest);
    }
  };
  while (bytes < LIVE - 112 * KiB) put();
  const [times, rss] = [[], []];
  for (let i = -puts; i < puts; i++) {
    if (i % PER_TURN === 0) await turn();
    const begun = process.hrtime.bigint();
    put();
    if (i < 0) continue; // a round of everything first
    times.push(Number(process.hrtime.bigint() - begun));
    if (i % PER_TURN === 0) rss.push(process.memoryUsage.rss());
  }
  console.log(JSON.stringify({ heldRss: quantile(rss, 0.5), p99Ns: quantile(times, 0.99) }));
}

function sample(kind, isLimited) {
  const heap = isLimited ? ['--max-old-space-size=500'] : [];
  const limit = isLimited ? `ulimit -d ${Math.floor(LIMIT / KiB)} && ` : '';
  const args = [process.execPath, ...heap, __filename, kind, String(quick ? 200 : PUTS)];
  const { status, stdout, stderr } = spawnSync('sh', ['-c', `${limit}exec "$@"`, 'sh', ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`a cache in ${kind} failed: ${stderr}`);
  return JSON.parse(stdout);
}

const caches = (isLimited) => () => {
  const kinds = Object.keys(KINDS).map((kind) => [kind, () => sample(kind, isLimited)]);
  return compareSamples(Object.fromEntries(kinds), 8);
};

module.exports = {
  isApart: true,
  notMeasured: 'what a collection costs a server with a larger heap; entries that are read',
  scenarios: { 'a cache of 125 MB': caches(false), 'a cache of 125 MB under 1 GB': caches(true) },
};

if (require.main === module) fill(process.argv[2], Number(process.argv[3]));
