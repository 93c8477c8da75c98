'use strict';

// A pair of an allocation and its free in a region, against a slab's; the same of sizes that differ, with 1000 Buffers live; and a
// cache of 125 MB whose entries are in a region, against the same with Buffers.
//
// Caveats: one byte of every Buffer is written, and no more. The pair frees what it has just allocated, the best case of both:
// the region cuts a span and joins it again. In the churn the slab rounds sizes up to powers of two, and is charged nothing for the memory that it
// takes by that. The cache fills its entries; it does nothing else, so V8 collects for it alone, at the end of turns as in a server. Its P99 is wall
// clock, which on a busy machine measures the neighbours.

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { Region, Slab } = require('..');
const { compare, compareSamples, quick } = require('./harness.js');

const KiB = 1024;
const SIZES = { '64 B': 64, '4 KiB': 4 * KiB, '64 KiB': 64 * KiB };
const LIVE = 1000;
const MAX_BYTES = 256 * KiB * KiB;
const PUTS = quick ? 200 : 20_000;

// The allocator comes as an argument: see bench/slab.js. Two copies, for the code of one knows one kind of allocator.
const source = `
  'use strict';
  let last;
  for (let i = 0; i < n; i++) {
    const buffer = from.allocUnsafe(size);
    buffer[0] = i;
    from.free(buffer);
    last = buffer;
  }
  return last;`;
const churning = `
  'use strict';
  let last;
  for (let i = 0; i < n; i++) {
    const at = (i * 40503) % live.length;
    from.free(live[at]);
    const buffer = from.allocUnsafe(sizes[i & 4095]);
    buffer[0] = i;
    live[at] = buffer;
    last = buffer;
  }
  return last;`;

function pairs(from, size) {
  const run = new Function('from', 'size', 'n', source);
  return (n) => run(from, size, n);
}

/** Sizes from 16 B to 60 KB. */
const mixed = Uint32Array.from({ length: 4096 }, (_, i) => 16 + ((i * 40503) % 60_000));

function churn(from) {
  const live = Array.from({ length: LIVE }, (_, i) => from.allocUnsafe(mixed[i]));
  const run = new Function('from', 'live', 'sizes', 'n', churning);
  return (n) => run(from, live, mixed, n);
}

const makeRegion = () => new Region({ maxBytes: MAX_BYTES });
const makeSlab = (count) => {
  const sizes = Array.from({ length: 13 }, (_, i) => 16 * 2 ** i);
  return new Slab({ sizes, count, maxBytes: 2 * MAX_BYTES });
};

const pair = (size) => () =>
  compare({ 'slab, checked': pairs(makeSlab(64), size), region: pairs(makeRegion(), size) });

const LIMIT_KIB = 1e9 / KiB; // of what a process may have of memory of its own: RLIMIT_DATA, which needs no rights

/** `limited`: under 1 GB, of which V8 is told as in a container: half of it for its heap. */
function cacheOf(kind, limited) {
  const file = path.join(__dirname, 'fixtures', 'cache.js');
  const heap = limited ? ['--max-old-space-size=500'] : [];
  const args = [process.execPath, ...heap, file, kind, String(PUTS)];
  const limit = limited ? `ulimit -d ${Math.floor(LIMIT_KIB)} && ` : '';
  const { status, stdout, stderr } = spawnSync('sh', ['-c', `${limit}exec "$@"`, 'sh', ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`bench/fixtures/cache.js failed: ${stderr}`);
  return JSON.parse(stdout);
}

const KINDS = { 'Buffer.allocUnsafeSlow': 'Buffer', 'with release()': 'release', region: 'region' };

const cache = (of, unit, scale, limited) => () => {
  const samplers = Object.entries(KINDS).map(([name, kind]) => [
    name,
    () => cacheOf(kind, limited)[of] / scale,
  ]);
  return compareSamples(Object.fromEntries(samplers), unit, 8);
};

const scenarios = {};
for (const [name, size] of Object.entries(SIZES)) scenarios[`a pair of ${name}`] = pair(size);
scenarios[`16 B to 60 KB, ${LIVE} live`] = () =>
  compare({ 'slab, checked': churn(makeSlab(1200)), region: churn(makeRegion()) });
for (const [where, limited] of [
  ['', false],
  [' under 1 GB', true],
]) {
  scenarios[`a cache of 125 MB${where}: RSS`] = cache('rss', 'MB', 1e6, limited);
  scenarios[`a cache of 125 MB${where}: P99 of a put`] = cache('p99', 'ns', 1, limited);
}

module.exports = {
  notMeasured: 'what a collection costs a server with a larger heap; entries that are read',
  scenarios,
};
