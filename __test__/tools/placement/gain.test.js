'use strict';
// tier: tools

// What a trial says that it gained, by runs of which that is known.

const test = require('ava');
const { costOf, gainLines } = require('../../../tools/placement/trial/gain.js');

const MIB = 2 ** 20;

/** Runs with so many µs a request, MiB and major collections; `jitter` scatters them by a share, differently in each block. */
function blocksOf(plain, changed, jitter = 0.01, requests = 10_000) {
  return Array.from({ length: 6 }, (_, i) => {
    const costs = ([us, mib, majors], j) => {
      const factor = 1 + jitter * Math.sin(7 * i + 3 * j);
      return { cpu: us * (requests || 10_000) * factor, rss: mib * MIB * factor, majors, requests };
    };
    return { plain: costs(plain, 0), changed: costs(changed, 1) };
  });
}

test('half of the CPU, a third less memory, and no collections', (t) => {
  const [cpu, rss, majors] = gainLines(blocksOf([200, 150, 60], [100, 100, 10]));
  t.regex(cpu, /^CPU a request: 0\.50 × \[0\.49, 0\.5\d\], 20\d µs → 100 µs$/);
  t.regex(rss, /^peak RSS: 0\.6[67] × \[0\.6\d, 0\.6\d\], 150[.\d]* MiB → (99|100)[.\d]* MiB$/);
  t.is(majors, 'major collections in 1,000 requests: -5 [-5, -5], 6 → 1');
});

test('inside the spread there is no difference', (t) => {
  const [cpu, rss, majors] = gainLines(blocksOf([200, 150, 10], [196, 152, 10], 0.2));
  t.regex(cpu, /^CPU a request: no difference \[0\.\d\d, 1\.\d\d\], \d+ µs → \d+ µs$/);
  t.regex(rss, /^peak RSS: no difference/);
  t.is(majors, 'major collections in 1,000 requests: no difference [0, 0], 1 → 1');
});

test('a server of another protocol is compared as a whole', (t) => {
  const lines = gainLines(blocksOf([200, 150, 60], [100, 150, 60], 0.01, 0));
  t.regex(lines[0], /^CPU: 0\.50 × .+, 2 s → 1 s$/);
  t.regex(lines[2], /^major collections: no difference/);
});

test('the cost of a run is that of its processes, without what they took to warm up', (t) => {
  const row = (at, cpu, rss, majors, requests) => [at, cpu, rss, majors, requests];
  const one = [row(0, 900, 90, 5, 0), row(1000, 1000, 70, 6, 10), row(3000, 1500, 80, 8, 110)];
  const other = [row(1200, 10, 5, 0, 0), row(3000, 20, 7, 0, 0)];
  t.deepEqual(costOf([one, other], 0, 3000), { cpu: 510, rss: 87, majors: 2, requests: 100 });
  t.is(costOf([[row(0, 1, 1, 0, 0)]], 0, 1000), undefined, 'one row says nothing');
});
