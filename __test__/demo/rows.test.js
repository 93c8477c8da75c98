'use strict';
// tier: tools

const test = require('ava');
const { rowsOf } = require('../../demo/rows.js');

const slice = (more) => ({
  ...{ rps: 1000, busy: 0.5, latencies: [] },
  ...{ served: 100, cpuUs: 20_000, gcMs: 1, majorGcs: 2, rss: 100e6, heapFallbacks: 0 },
  ...{ requests: 100, errors: 0, verified: 1, firstFault: null },
  ...more,
});

/** Blocks of a contender whose every slice costs `factor` times allocUnsafe's. */
function blocks(factor, count = 3) {
  const closed = () => slice({ rps: 1000 / factor, cpuUs: 20_000 * factor });
  const latencies = Float64Array.from({ length: 1000 }, (_, n) => (n + 1) * factor);
  const fixed = () => slice({ cpuUs: 30_000 * factor, latencies, rss: 100e6 * factor });
  return Array.from({ length: count }, () => ({
    warm: [slice({ cpuUs: 1e9, errors: 0 })],
    closed: [closed(), closed(), closed(), closed()],
    fixed: [fixed(), fixed()],
  }));
}

const contenders = ['allocUnsafe', 'ralloc', 'pool'].map((name) => ({ name }));
const about = { mix: 'frame', server: 'express', node: 'v26.0.0' };
const isAbout = (t, got, wanted) => t.true(Math.abs(got - wanted) < 1e-9, `${got}, not ${wanted}`);

test('a run has what its slices saw, and nothing of the warm-up but its requests', (t) => {
  const [{ run }] = rowsOf(contenders, [blocks(1), blocks(0.6), blocks(0.5)], about);
  t.like(run, { ...about, allocator: 'allocUnsafe', rps: 1000, fullCpuUs: 200, cpuUs: 300 });
  t.like(run, { rss: 100e6, gcMs: 100, majorGcs: 200 });
  t.like(run, { requests: 3 * 7 * 100, errors: 0, verified: 21 });
  isAbout(t, run.p99, 990.01); // of the two slices of a block together
  t.deepEqual(Object.keys(run.spread).sort(), ['cpuUs', 'p50', 'p99', 'p999', 'rps']);
});

test('ratios are to allocUnsafe, and shares of what the pool by hand saves', (t) => {
  const rows = rowsOf(contenders, [blocks(1), blocks(0.6), blocks(0.5)], about);
  const [base, ralloc, pool] = rows.map(({ run }) => run);
  for (const [field, wanted] of Object.entries({
    rps: 1 / 0.6,
    fullCpuUs: 0.6,
    cpuUs: 0.6,
    p999: 0.6,
    rss: 0.6,
  })) {
    const { value, low, high } = ralloc.ratio[field];
    isAbout(t, value, wanted);
    t.true(low <= value && value <= high && high / low < 1.2);
    isAbout(t, base.ratio[field].value, 1);
  }
  isAbout(t, ralloc.removed.cpu, 0.8);
  isAbout(t, ralloc.removed.rss, 0.8);
  t.deepEqual([base.removed.cpu, pool.removed.cpu], [0, 1]);
});

test('where the pool by hand saves nothing there is no share of it', (t) => {
  const [, { run }] = rowsOf(contenders, [blocks(1), blocks(1.1), blocks(1)], about);
  t.deepEqual(run.removed, { cpu: null, rss: null });
  const [, alone] = rowsOf(contenders.slice(0, 2), [blocks(1), blocks(0.6)], about);
  t.deepEqual(alone.run.removed, { cpu: null, rss: null });
});

test('a wrong answer and heap Buffers are not lost, wherever they were', (t) => {
  const wrong = blocks(0.6);
  wrong[1].warm[0].firstFault = 'frame request 97: 3 bytes instead of 4';
  wrong[1].warm[0].errors = 1;
  wrong[2].closed[0].heapFallbacks = 7;
  const [, row] = rowsOf(contenders.slice(0, 2), [blocks(1), wrong], about);
  t.is(row.firstFault, 'frame request 97: 3 bytes instead of 4');
  t.is(row.run.errors, 1);
  t.is(row.heapFallbacks, 7);
});

test('no collection at all has no ratio', (t) => {
  const none = blocks(0.6);
  for (const block of none) for (const one of [...block.closed, ...block.fixed]) one.majorGcs = 0;
  const [, { run }] = rowsOf(contenders.slice(0, 2), [blocks(1), none], about);
  t.is(run.majorGcs, 0);
  t.is(run.ratio.majorGcs, null);
});
