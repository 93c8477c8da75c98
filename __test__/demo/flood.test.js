'use strict';
// tier: soak

// The flood of the demo, of few clients, and its screen. That of tenants takes longer: `npm run soak`.

const test = require('ava');
const { measure, PLAN } = require('../../demo/flood/run.js');
const { screen, tenantsScreen } = require('../../demo/flood/screen.js');
const { TENANTS, measureTenants } = require('../../demo/flood/tenants.js');
const { testWhere } = require('../helpers/backend.js');
const { isSoak } = require('../helpers/budget.js');

const FEW = {
  ...PLAN,
  bytes: 300_000,
  clients: 12,
  streams: 3,
  fits: 4,
  silent: 3,
  stopped: 2,
  fickle: 3,
  bombs: 2,
  bombBytes: 2_000_000,
};

testWhere(
  process.platform === 'linux',
  'Linux, whose ulimit -d counts',
  'with admission() each honest client gets the right hash, the server lives, and nothing stays charged',
  async (t) => {
    const result = await measure(FEW, ['admission']);
    const [{ end, tally, figures, rss, checks }] = result.floods;
    t.is(end, 'lives');
    t.is(tally.times.length, 12);
    t.is(tally.wrong, 0);
    t.is(figures.used, 0);
    t.true(figures.peak > 0 && figures.peak <= figures.limit);
    t.true(rss.length > 0 && checks.answered > 0);
    t.true(result.rates.all > 0 && result.rates.fits > 0);
    const lines = screen(result).split('\n');
    t.true(lines.length <= 24);
    t.true(lines.every(({ length }) => length <= 80));
    t.regex(lines.join('\n'), /admission\(\) {2}lives {6}12\/12/);
  },
);

test('the screen shows how a server ended, and its RSS until then', (t) => {
  const tally = { times: [1, 2], wrong: 0, cut: 3, answers: { 200: 2, 503: 5 } };
  const checks = { answered: 1, failed: 1, times: [5, 700] };
  const one = { kind: 'plain', end: 'SIGABRT', took: 2, tally, checks, figures: undefined };
  const other = { ...one, kind: 'semaphore', end: 'lives', rss: [2 ** 30, 0, 2 ** 29, 0] };
  const floods = [{ ...one, rss: [2 ** 29, 2 ** 30] }, other];
  const text = screen({ plan: PLAN, floods, rates: { all: 1, fits: 2 } }, 'v1');
  t.regex(text, /^no guard +SIGABRT +2\/240 +10 +1074 MB +700 ms +2\.0$/m);
  t.regex(text, /^no guard +▅+█+✗$/m);
  t.regex(text, /^semaphore +█+▁+▅+▁+$/m);
});

testWhere(
  process.platform === 'linux' && isSoak,
  'Linux, whose ulimit -d counts, and RALLOC_BUDGET=soak',
  'of tenants, one of which sends half of all, each client gets the right hash, and nothing stays charged',
  async (t) => {
    const plan = { ...TENANTS, ...FEW, tenants: 4, rounds: 1, uploads: 2, takesMs: 10 };
    const result = await measureTenants(plan);
    const { rounds } = result;
    t.deepEqual(Object.keys(rounds), ['alone', 'no keys', 'keys']);
    for (const [name, [{ end, flood, others, figures }]] of Object.entries(rounds)) {
      t.is(end, 'lives');
      t.is(flood.times.length > 0, name !== 'alone');
      t.is(others.times.length, 12);
      t.is(flood.wrong + others.wrong, 0);
      t.is(figures.used, 0);
    }
    const lines = tenantsScreen(result).split('\n');
    t.true(lines.every(({ length }) => length <= 80));
    t.regex(lines.at(-1), /^with it, and keys +12\/12 /);
  },
);

test('the screen of tenants compares the slowest of the others with what they take alone', (t) => {
  const one = (...times) => ({ others: { times, answers: { 200: times.length, 503: 1 }, cut: 1 } });
  const rounds = {
    alone: [one(1000, 2000), one(1000, 2000)],
    'no keys': [one(4000, 6000), one(4000, 4000)],
    keys: [one(1000, 2000), one(1000, 2500)],
  };
  const lines = tenantsScreen({ plan: { ...TENANTS, uploads: 1 }, rounds }, 'v1').split('\n');
  t.regex(lines.at(-3), /^the others alone +4\/240 +8 +2\.0 s +2\.0 s$/);
  t.regex(lines.at(-2), / 3\.00 × \(2\.00 to 3\.00\)$/);
  t.regex(lines.at(-1), / 1\.25 × \(1\.00 to 1\.25\)$/);
});
