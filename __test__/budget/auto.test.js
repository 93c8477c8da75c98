'use strict';
// tier: run-time

// maxBytes: 'auto': how the limit of a budget comes about.

const test = require('ava');
const v8 = require('node:v8');
const { Budget } = require('../..');
const { testWhere } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');
const { fresh } = require('../helpers/fresh.js');

const MiB = 2 ** 20;
const GiB = 1024 * MiB;
const code = 'ERR_RALLOC_INVALID_ARGUMENT';

/** automatic() and the warnings that it gives. */
function automaticOf(...given) {
  const warned = [];
  const warnings = { warnOnce: (...warning) => warned.push(warning) };
  const { automatic } = fresh('budget/auto.js', { 'base/warnings.js': warnings });
  return { ...automatic(...given), warned };
}

/** The limits of a system: of the cgroup, of `ulimit -d`, and its memory. */
const limitsOf = (cgroup, rlimit, machine = 24 * GiB) => ({ cgroup, rlimit, machine });

for (const [what, limits, heap, share, from, maxBytes] of [
  ['a machine', limitsOf(Infinity, Infinity), 4 * GiB, 1, 'machine', 20 * GiB - 96 * MiB],
  ['four workers of it', limitsOf(2 ** 64, Infinity), 4 * GiB, 4, 'machine', 2 * GiB - 96 * MiB],
  ['a container', limitsOf(512 * MiB, Infinity), 256 * MiB, 1, 'cgroup', 160 * MiB],
  ['ulimit -d', limitsOf(2 * GiB, GiB), 512 * MiB, 1, 'rlimit', 416 * MiB],
  [
    'shares that do not come out even',
    limitsOf(GiB, 2 * GiB, 2 * GiB),
    ...[128 * MiB, 3, 'cgroup', Math.floor(GiB / 3) - 224 * MiB],
  ],
]) {
  test(`${what}: what is left of its part of memory without V8's heap and Node's own`, (t) => {
    const found = automaticOf(share, limits, heap, 0);
    t.is(found.maxBytes, maxBytes);
    t.deepEqual(found.auto, { from, memory: limits[from], heap, kept: 96 * MiB, share });
    t.deepEqual(found.warned, []);
  });
}

test('what counts for ulimit -d before anything is allocated is kept too', (t) => {
  const keptWith = (rlimit) =>
    automaticOf(1, limitsOf(Infinity, rlimit), 256 * MiB, 100 * MiB).auto.kept / MiB;
  t.deepEqual([keptWith(GiB), keptWith(Infinity)], [196, 96]);
});

test('where V8 may take nearly all, it is an eighth, and a warning says which flag to set', (t) => {
  const { maxBytes, auto, warned } = automaticOf(2, limitsOf(512 * MiB, Infinity), 4 * GiB);
  t.is(maxBytes, 32 * MiB);
  t.deepEqual(
    warned.map(([warning, { auto: told }]) => [warning, told]),
    [['RALLOC_BUDGET_SMALL', auto]],
  );
});

test('stats() say how the limit came about, until it is set by hand', (t) => {
  const all = new Budget({ name: 'all', maxBytes: 'auto', share: 2 });
  const { limit, auto } = all.stats();
  const { memory, heap, kept, share } = auto;
  t.is(heap, v8.getHeapStatistics().heap_size_limit);
  t.is(limit, Math.floor(Math.max(memory / share - heap - kept, memory / share / 8)));
  t.is(all.available, limit);
  all.resize(1000);
  t.like(all.stats(), { limit: 1000, auto: null });
  t.is(new Budget({ maxBytes: 5 }).stats().auto, null);
});

test('a part of what is automatic, and a share of what is not', (t) => {
  const all = new Budget({ maxBytes: 100 });
  t.is(new Budget({ maxBytes: 'auto', parent: all, reserve: 10 }).available, 100);
  t.throws(() => new Budget({ maxBytes: 'Auto' }), { code, instanceOf: TypeError });
  t.throws(() => new Budget({ maxBytes: 5, share: 1 }), {
    code,
    message: /"options\.share" is for maxBytes: "auto"/,
  });
  for (const share of [0, 1.5, -1, 65_537, Number.NaN, '2', null])
    t.throws(() => new Budget({ maxBytes: 'auto', share }), { code });
});

test('limits that cannot be read are left out, and without any of them bytes have to be given', async (t) => {
  for (const how of ['blind', 'zero']) {
    const { result, stderr } = await run('budget/auto.js', { args: [how] });
    t.like(result?.auto, { from: 'machine', memory: result?.machine }, stderr);
  }
  const none = await run('budget/auto.js', { args: ['none'] });
  t.is(none.result?.code, 'ERR_RALLOC_UNSUPPORTED', none.stderr);
  t.regex(none.result.message, /Give maxBytes in bytes/);
});

testWhere(
  process.platform === 'linux',
  'Linux',
  'ulimit -d counts, and the warning is one line',
  async (t) => {
    const path = require.resolve('../fixtures/budget/auto.js');
    const script = 'ulimit -d 1000000; exec "$0" --max-old-space-size=950 "$1"';
    const args = [process.execPath, path];
    const { result, stderr } = await run('', {
      runtime: 'sh',
      path: '-c',
      args: [script, ...args],
    });
    t.like(result?.auto, { from: 'rlimit', memory: 1_000_000 * 1024 }, stderr);
    t.is(result.limit, 125_000 * 1024);
    const lines = stderr.split('\n').filter((line) => line.includes('RALLOC_BUDGET_SMALL'));
    t.is(lines.length, 1);
    t.regex(
      lines[0],
      /has only 122\.1 MiB: V8's heap may take .* of the 976\.6 MiB .* half of it, say, by --max-old-space-size=464 --max-semi-space-size=8$/,
    );
  },
);
