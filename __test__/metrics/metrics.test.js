'use strict';
// tier: run-time, differs

// What Prometheus is told: by prom-client and by metricsText(), which have the same series.

const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { serial: test } = require('ava');
const express = require('express');
const promClient = require('prom-client');
const {
  Arena,
  Budget,
  Region,
  Slab,
  admission,
  collectMetrics,
  metricsContentType,
  metricsText,
  requestArena,
} = require('../..');
const { instances } = require('../../lib/base/instances.js');
const { METRICS } = require('../../lib/metrics/table.js');
const { serveOn } = require('../helpers/adapters.js');
const { serve } = require('../helpers/ask.js');
const { nativeTest, testWhere } = require('../helpers/backend.js');
const { budget: stepsOf, seedOr } = require('../helpers/budget.js');
const { fresh } = require('../helpers/fresh.js');
const { checkByPromtool, readByPython, seriesOf } = require('../helpers/metrics-page.js');
const { random } = require('../helpers/random.js');
const { hasPrometheus, hasPythonClient } = require('../helpers/readers.js');
const { canShare } = require('../helpers/slab-kinds.js');
const { freshName } = require('../helpers/slab-process.js');
const { untilCollected } = require('../helpers/until.js');

const NEEDS = 'scripts/ci/get-readers.js';
const code = 'ERR_RALLOC_INVALID_ARGUMENT';

const page = (options) => seriesOf(metricsText(options));

/** What begins with `name`, of a page. */
const of = (name, series = page()) =>
  Object.fromEntries(Object.entries(series).filter(([one]) => one.startsWith(name)));

test('a budget is told by its name, with those of the same name in one', (t) => {
  const [first, second] = [100, 50].map((maxBytes) => new Budget({ name: 'tenants', maxBytes }));
  const charge = first.charge(80);
  second.charge(10);
  t.is(second.tryCharge(41), null);
  charge.shrink(30);
  const labels = '{budget="tenants"}';
  t.like(page(), {
    [`ralloc_budget_limit_bytes${labels}`]: 150,
    [`ralloc_budget_used_bytes${labels}`]: 60,
    [`ralloc_budget_peak_bytes${labels}`]: 80,
    [`ralloc_budget_refused_total${labels}`]: 1,
    [`ralloc_budget_pressure_total${labels}`]: 1,
    [`ralloc_budget_waiting${labels}`]: 0,
  });
  first.close();
  t.is(page()[`ralloc_budget_limit_bytes${labels}`], 50, 'what is closed is no gauge');
  second.close();
  const { ralloc_process_budgets_limit_bytes: before } = page();
  const parent = new Budget({ maxBytes: 1000 });
  const child = new Budget({ maxBytes: 900, parent });
  t.is(page().ralloc_process_budgets_limit_bytes - before, 1000, 'a child has bytes of its parent');
  child.close();
  parent.close();
});

test('arenas are told by name, and no closed one, whose memory another may have', (t) => {
  const arenas = [1, 2].map(() => new Arena({ name: 'frames', maxBytes: 1 << 20 }));
  const other = new Arena();
  for (const arena of arenas) arena.alloc(100);
  const { leased } = arenas[0].stats().memory;
  t.like(page(), {
    'ralloc_arena_limit_bytes{arena="frames"}': 2 << 20,
    'ralloc_arena_leased_bytes{arena="frames"}': 2 * leased,
    'ralloc_arena_limit_bytes{arena="unnamed"}': 64 << 20,
  });
  for (const arena of [...arenas, other]) arena.close();
  t.deepEqual(of('ralloc_arena_leased_bytes{arena="frames"}'), {});
});

test('what has a budget has its limit there, so that nothing is added twice', (t) => {
  const budget = new Budget({ name: 'both', maxBytes: 1 << 20 });
  const name = 'budgeted';
  const arena = new Arena({ name, budget });
  arena.alloc(100);
  const slab = new Slab({ name, sizes: [64], count: 4, budget });
  const region = new Region({ name, budget });
  const arenas = requestArena({ name: 'budgeted requests', budget });
  const series = page();
  t.is(series['ralloc_budget_used_bytes{budget="both"}'], budget.used);
  t.true(series['ralloc_arena_leased_bytes{arena="budgeted"}'] > 0);
  t.is(series['ralloc_arena_limit_bytes{arena="budgeted"}'], 0);
  t.is(series['ralloc_slab_limit_bytes{slab="budgeted"}'], 0);
  t.is(series['ralloc_region_limit_bytes{region="budgeted"}'], 0);
  t.is(series['ralloc_arena_limit_bytes{arena="budgeted requests"}'], 0);
  t.is(arenas.stats().requests, 0);
  for (const one of [arena, slab, region]) one.close();
});

test('a held arena is told as held, and one that waits for the collector as quarantined', (t) => {
  const held = new Arena({ name: 'held' });
  held.alloc(100);
  const hold = held.hold();
  held.reset();
  const collected = new Arena({ name: 'collected', safety: 'gc' });
  collected.alloc(100);
  collected.reset();
  const series = page();
  t.is(series['ralloc_arena_held_bytes{arena="held"}'], held.stats().memory.held);
  t.true(series['ralloc_arena_held_bytes{arena="held"}'] > 0);
  t.true(series['ralloc_arena_quarantined_bytes{arena="collected"}'] > 0);
  hold.release();
  t.is(page()['ralloc_arena_held_bytes{arena="held"}'], 0);
});

test('requests are told by the name of their middleware, and its memory', async (t) => {
  const { connect } = await serveOn(
    t,
    'express 5',
    ({ arena }) =>
      arena.alloc(1) && arena.from(`${page()['ralloc_arena_requests_in_flight{arena="api"}']}`),
    { name: 'api', maxBytes: 1 << 20 },
  );
  const client = await connect();
  t.is(`${(await client.get('/')).body}`, '1', 'in flight, from within');
  await client.destroy();
  const series = page();
  t.is(series['ralloc_arena_requests_total{arena="api"}'], 1);
  t.is(series['ralloc_arena_limit_bytes{arena="api"}'], 1 << 20);
  t.is(series['ralloc_arena_heap_requests_total{arena="api"}'], 0);
  t.true(Object.values(of('ralloc_guard_operations_total', series)).some((count) => count > 0));
});

test('a middleware that is closed has no limit, and its counters stay', async (t) => {
  const { connect, arenas } = await serveOn(t, 'node:http', ({ arena }) => arena.alloc(10), {
    name: 'closes',
  });
  const client = await connect();
  await client.get('/');
  t.true(page()['ralloc_arena_limit_bytes{arena="closes"}'] > 0);
  await arenas.close();
  await client.get('/');
  t.like(page(), {
    'ralloc_arena_limit_bytes{arena="closes"}': 0,
    'ralloc_arena_warm_bytes{arena="closes"}': 0,
    'ralloc_arena_requests_total{arena="closes"}': 2,
    'ralloc_arena_heap_requests_total{arena="closes"}': 1,
  });
  await client.destroy();
});

test('slabs and regions are told by name', (t) => {
  const slab = new Slab({ name: 'small', sizes: [64], count: 2, maxCount: 2 });
  slab.free(slab.alloc(64));
  t.is(page()['ralloc_slab_free_slots{slab="small"}'], 2, 'also what the thread has in its cache');
  slab.alloc(64);
  slab.alloc(64);
  t.throws(() => slab.alloc(64), { code: 'ERR_RALLOC_EXHAUSTED' });
  const region = new Region({ name: 'cache' });
  region.free(region.alloc(1 << 19));
  const { bytes: collected } = region.collect();
  t.true(collected > 0);
  region.alloc(1000);
  const used = region.stats().used;
  t.like(page(), {
    'ralloc_slab_buffers{slab="small"}': 2,
    'ralloc_slab_slots{slab="small"}': 2,
    'ralloc_slab_limit_bytes{slab="small"}': slab.stats().committed,
    'ralloc_slab_free_slots{slab="small"}': 0,
    'ralloc_slab_used_bytes{slab="small"}': 128,
    'ralloc_slab_exhausted_total{slab="small"}': 1,
    'ralloc_region_buffers{region="cache"}': 1,
    'ralloc_region_collected_bytes_total{region="cache"}': collected,
    'ralloc_region_used_bytes{region="cache"}': used,
    'ralloc_region_fragmentation_ratio{region="cache"}': region.stats().fragmentation,
  });
  slab.close({ force: true });
  region.close({ force: true });
  t.deepEqual(of('ralloc_slab_buffers{slab="small"}'), {});
  t.is(page()['ralloc_slab_exhausted_total{slab="small"}'], 1, 'a counter stays');
});

test('a counter stays when what it counted is gone, and goes on with the next of that name', async (t) => {
  const refuse = (name) => {
    const budget = new Budget({ name, maxBytes: 0 });
    t.is(budget.tryCharge(1), null);
    return budget;
  };
  const total = () => page()['ralloc_budget_refused_total{budget="short"}'];
  const begin = () => {
    const budget = refuse('short');
    t.is(total(), 1);
    return new WeakRef(budget);
  };
  const first = begin();
  await untilCollected(() => first.deref() === undefined);
  t.is(total(), 1);
  const next = refuse('short');
  t.is(total(), 2);
  t.is(next.used, 0);
});

test('names that are the same as text are one series', (t) => {
  const names = ['half \ud83d', 'half \ufffd', 'half \udc00'];
  const budgets = names.map((name) => new Budget({ name, maxBytes: 1 }));
  const text = Buffer.from(metricsText()).toString();
  const lines = text.split('\n').filter((line) => /^ralloc_budget_limit_bytes.*half/.test(line));
  t.deepEqual(lines, ['ralloc_budget_limit_bytes{budget="half \ufffd"} 3']);
  for (const budget of budgets) budget.close();
});

test('budgets that a function returned for a request are in no sum of limits: the arenas are', async (t) => {
  const tenants = [1, 2].map((n) => new Budget({ maxBytes: n * 2 ** 45 }));
  // Beside those of other tests, which are small and may be collected.
  const sum = () => Math.floor(page().ralloc_process_budgets_limit_bytes / 2 ** 45);
  const { connect } = await serveOn(t, 'express 5', ({ arena }) => arena.alloc(100), {
    name: 'tenants',
    maxBytes: 1 << 24,
    budget: (req) => (req.headers['x-tenant'] === 'first' ? tenants[0] : undefined),
  });
  const client = await connect();
  await client.get('/');
  t.is(sum(), 3);
  await client.get('/', { headers: { 'x-tenant': 'first' } });
  t.is(sum(), 2);
  t.is(page()['ralloc_arena_limit_bytes{arena="tenants"}'], 1 << 24);
  await client.destroy();
  for (const tenant of tenants) tenant.close();
});

test('whom admission() refuses is told by the name of its budget, whatever ends', async (t) => {
  const all = new Budget({ name: 'doors', maxBytes: 10_000 });
  const admit = admission({ budget: all, key: () => 'one', maxBytesPerKey: 1000, wait: false });
  const app = express();
  app.use(admit);
  app.post('/', (_req, res) => res.end());
  const url = await serve(t, app);
  const other = new Budget({ name: 'others', maxBytes: 9500, parent: all });
  const full = other.charge(9500);
  const post = async (bytes) =>
    (await fetch(url, { method: 'POST', body: 'x'.repeat(bytes) })).status;
  t.deepEqual([await post(600), await post(400), await post(100)], [413, 503, 200]);
  const { admitted, refused } = admit.stats();
  t.like(page(), {
    'ralloc_admission_admitted_total{budget="doors"}': admitted,
    'ralloc_admission_too_large_total{budget="doors"}': refused[413],
    'ralloc_admission_key_refused_total{budget="doors"}': 0,
    'ralloc_admission_refused_total{budget="doors"}': refused[503],
    'ralloc_admission_open{budget="doors"}': 0,
  });
  full.release();
});

test('what arenas have taken over is told, and what the heap may have', (t) => {
  const arena = new Arena({ name: 'takes over' });
  const arenas = requestArena({ name: 'of the heap', maxHeapBytes: 12_345_678 });
  arena.adopt(Buffer.alloc(1 << 20));
  t.like(page(), {
    'ralloc_arena_adopted_bytes{arena="takes over"}': 1 << 20,
    'ralloc_arena_heap_limit_bytes{arena="of the heap"}': 12_345_678,
    'ralloc_arena_limbo_bytes{arena="of the heap"}': 0,
  });
  arena.close();
  arenas.close();
});

nativeTest(
  'a slab that could not be opened is on no page, and a page never throws',
  'processes share none',
  async (t) => {
    t.throws(() => Slab.open(freshName(t)), { code: 'ERR_RALLOC_MAP' });
    const ofSlabs = () => Object.keys(page()).filter((key) => key.includes('slab')); // others come and go, as garbage does
    const before = ofSlabs();
    const warned = once(process, 'warning');
    const broken = {
      get isLive() {
        throw new Error('broken');
      },
    };
    instances.slabs.add(broken);
    t.deepEqual(ofSlabs(), before);
    instances.slabs.closed(broken);
    const [{ code, message }] = await warned;
    t.is(code, 'RALLOC_METRICS_UNREAD');
    t.regex(message, /source 'slab' .*: broken$/);
  },
  test,
);

nativeTest(
  'a slab that threads share is told once, however many Slabs are over it',
  'threads share none',
  (t) => {
    const slab = new Slab({ name: 'between', sizes: [64], count: 100 });
    const other = Slab.attach(slab.handle());
    slab.alloc(64);
    t.like(page(), {
      'ralloc_shared_slab_slots{slab="between"}': 100,
      'ralloc_slab_slots{slab="between"}': undefined,
    });
    other.close();
    slab.close({ force: true });
  },
);

test('the keys of admission() are one series, and no client is named', async (t) => {
  const all = new Budget({ name: 'bodies', maxBytes: 1 << 20 });
  const pages = [];
  const app = express();
  app.use(admission({ budget: all, key: (req) => req.headers['x-client'] }));
  app.post('/', (_req, res) => {
    pages.push(metricsText());
    res.end();
  });
  const url = await serve(t, app);
  for (const client of ['203.0.113.7', '203.0.113.8'])
    await fetch(url, { method: 'POST', body: 'hello', headers: { 'x-client': client } });
  t.is(pages.length, 2);
  for (const text of pages) {
    t.false(text.includes('203.0.113'));
    t.true(seriesOf(text)['ralloc_budget_used_bytes{budget="bodies/keys"}'] > 0);
  }
  all.close();
});

test('what cannot be read is not told, and the rest is', async (t) => {
  const { memoryUsage } = process;
  const { readFileSync } = fs;
  t.teardown(() => {
    process.memoryUsage = memoryUsage;
    fs.readFileSync = readFileSync;
  });
  const names = () => Object.keys(page()).filter((name) => !name.includes('{')); // none of an object that a collection may take meanwhile
  const before = names();
  fs.readFileSync = (name, ...others) => {
    if (name === '/proc/self/status') throw new Error('EMFILE');
    return readFileSync(name, ...others);
  };
  process.memoryUsage = () => {
    throw new Error('EMFILE');
  };
  await new Promise(setImmediate); // what was read is of a turn
  await new Promise(setImmediate);
  const after = names();
  t.deepEqual(
    before.filter((name) => !after.includes(name)),
    ['ralloc_process_resident_bytes'],
  );
});

test('no counter ever goes back, whatever is made, closed or dropped between two scrapes', (t) => {
  const seed = seedOr(44);
  const choose = random(seed);
  const all = [];
  const makers = [
    (name) => new Budget({ name, maxBytes: 10 }),
    (name) => new Slab({ name, sizes: [64], count: 1, maxCount: 1 }),
    (name) => new Region({ name, maxBytes: 1 << 19 }),
  ];
  const misuse = (one) => {
    if (one instanceof Budget) one.tryCharge(11);
    else if (one instanceof Slab) {
      const taken = one.tryAlloc(8);
      one.tryAlloc(8);
      if (taken !== null) one.free(taken);
    } else one.tryAlloc(1 << 20);
  };
  const acts = [
    () => all.push(makers[choose(makers.length)](`name ${choose(4)}`)),
    () => all.length > 0 && misuse(all[choose(all.length)]),
    () => all.length > 0 && misuse(all[choose(all.length)]),
    () => all.splice(choose(all.length + 1), 1)[0]?.close(),
    () => all.splice(choose(all.length + 1), 1), // dropped
  ];
  let before = {};
  let grown = 0;
  for (let scrape = 0; scrape < stepsOf(50, 2000, 50); scrape++) {
    for (let i = 0; i < 20; i++) acts[choose(acts.length)]();
    const now = page();
    for (const [name, value] of Object.entries(before)) {
      if (!/_total\b/.test(name)) continue;
      if (now[name] < value) t.fail(`${name}: ${value}, then ${now[name]} (seed ${seed})`);
      if (now[name] > value) grown++;
    }
    if (!Object.values(now).every(Number.isFinite)) t.fail(`a value is no number (seed ${seed})`);
    before = now;
  }
  t.true(grown > 15);
  for (const one of all) one.close();
});

test('a prefix and labels are those of each series', (t) => {
  const budget = new Budget({ name: 'labelled', maxBytes: 1 });
  const series = page({ prefix: 'shop_', labels: { zone: 'a "b"\\\n' } });
  const name = 'shop_ralloc_budget_limit_bytes{zone="a \\"b\\"\\\\\\n",budget="labelled"}';
  t.is(series[name], budget.stats().limit);
  t.true(Object.keys(series).every((one) => one.startsWith('shop_ralloc_')));
  t.true('shop_ralloc_process_resident_bytes{zone="a \\"b\\"\\\\\\n"}' in series);
});

test('the header accept says which format the page has', (t) => {
  const prometheus2 =
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
  for (const [openMetrics, isOpen] of [
    [undefined, false],
    [false, false],
    [true, true],
    [prometheus2, true],
    ['text/plain, application/openmetrics-text', true],
    ['text/plain;version=0.0.4;q=1,*/*;q=0.1', false],
    ['application/openmetrics-text;q=0', false],
    ['', false],
  ]) {
    const options = { openMetrics };
    t.is(metricsText(options).endsWith('# EOF\n'), isOpen, `${openMetrics}`);
    t.is(metricsContentType(options).startsWith('application/openmetrics-text'), isOpen);
  }
});

/** Something of each kind, with a name that has to be escaped. */
function makeAll(t) {
  const name = 'a "name"\\ of\nlines, {ünïcode="名前 😀"} \t\r\0#';
  const slab = new Slab({ name, sizes: [64], count: 1 });
  const all = [new Budget({ name, maxBytes: 1 }), new Arena({ name }), slab, new Region({ name })];
  requestArena({ name });
  slab.free(slab.alloc(8));
  t.teardown(() => {
    for (const one of all) one.close();
  });
  return name;
}

for (const isOpen of [false, true]) {
  const format = isOpen ? 'OpenMetrics' : "Prometheus's";
  testWhere(
    hasPythonClient,
    NEEDS,
    `Python's parser reads the page in ${format} format`,
    (t) => {
      const name = makeAll(t);
      const text = metricsText({ openMetrics: isOpen });
      const families = readByPython(text, isOpen);
      const samples = families.flatMap(([, , all]) => all);
      t.is(samples.length, Object.keys(seriesOf(text)).length);
      for (const [family, label] of [
        ['ralloc_budget_limit_bytes', 'budget'],
        ['ralloc_arena_limit_bytes', 'arena'],
        ['ralloc_slab_slots', 'slab'],
        ['ralloc_region_limit_bytes', 'region'],
      ]) {
        const [, type, own] = families.find(([one]) => one === family);
        t.is(type, 'gauge', family);
        t.true(
          own.some(([, labels]) => labels[label] === name),
          family,
        );
      }
      const [, type, own] = families.find(([one]) => one === 'ralloc_budget_refused');
      t.is(type, 'counter');
      t.is(own[0][0], 'ralloc_budget_refused_total');
    },
    test,
  );
}

testWhere(
  hasPrometheus,
  NEEDS,
  'promtool has nothing against the names, types and help texts',
  (t) => {
    makeAll(t);
    t.is(checkByPromtool(metricsText()), '');
  },
  test,
);

/** What does not change between two scrapes. */
const steady = (series) =>
  Object.fromEntries(
    Object.entries(series).filter(([name]) => !/_process_(resident|memory_bytes)/.test(name)),
  );

test('prom-client tells the series of metricsText(), in both formats', async (t) => {
  makeAll(t);
  const { Registry } = promClient;
  for (const type of [Registry.PROMETHEUS_CONTENT_TYPE, Registry.OPENMETRICS_CONTENT_TYPE]) {
    const register = new Registry(type);
    collectMetrics(promClient, { register, labels: { zone: 'a' } });
    const text = await register.metrics();
    const own = metricsText({ labels: { zone: 'a' } });
    t.deepEqual(steady(seriesOf(text)), steady(seriesOf(own)));
  }
});

test('a second call adds nothing twice, and a second copy of ralloc adds what it has', async (t) => {
  const register = new promClient.Registry();
  const budget = new Budget({ name: 'twice', maxBytes: 10 });
  collectMetrics(promClient, { register });
  collectMetrics(promClient, { register });
  const name = 'ralloc_budget_limit_bytes{budget="twice"}';
  t.is(seriesOf(await register.metrics())[name], 10);
  const copy = fresh('index.js');
  const other = new copy.Budget({ name: 'twice', maxBytes: 5 });
  copy.collectMetrics(promClient, { register });
  t.is(seriesOf(await register.metrics())[name], budget.stats().limit + other.stats().limit);
});

test('a second call with other values of labels has them from then on', async (t) => {
  const register = new promClient.Registry();
  collectMetrics(promClient, { register, labels: { zone: 'a' } });
  collectMetrics(promClient, { register, labels: { zone: 'b' } });
  const names = Object.keys(seriesOf(await register.metrics()));
  t.true(names.includes('ralloc_process_pressure_level{zone="b"}'));
  t.false(names.some((name) => name.includes('zone="a"')));
});

test('a register that was reset, or cleared and filled again, goes on where it was', async (t) => {
  const register = new promClient.Registry();
  const budget = new Budget({ name: 'cleared', maxBytes: 0 });
  budget.tryCharge(1);
  const total = async () =>
    seriesOf(await register.metrics())['ralloc_budget_refused_total{budget="cleared"}'];
  collectMetrics(promClient, { register });
  t.is(await total(), 1);
  register.resetMetrics();
  t.is(await total(), 1);
  register.clear();
  t.is(await total(), undefined);
  budget.tryCharge(1);
  collectMetrics(promClient, { register });
  t.is(await total(), 2);
  register.removeSingleMetric('ralloc_budget_refused_total');
  collectMetrics(promClient, { register });
  t.is(await total(), 2);
  budget.close();
});

test('all metrics of a page are of one moment', async (t) => {
  const register = new promClient.Registry();
  const budget = new Budget({ name: 'moment', maxBytes: 10 });
  collectMetrics(promClient, { register });
  const before = register.metrics();
  const charge = budget.charge(10);
  const name = 'ralloc_budget_used_bytes{budget="moment"}';
  t.is(seriesOf(await before)[name], 0);
  t.is(seriesOf(await register.metrics())[name], 10);
  charge.release();
});

test('prom-client adds the processes of a cluster, and takes the most of what they share', async (t) => {
  const register = new promClient.Registry();
  const budget = new Budget({ name: 'worker', maxBytes: 10 });
  budget.charge(4);
  const slab = canShare ? Slab.create(freshName(t), { sizes: [64], count: 4 }) : null;
  slab?.alloc(8);
  collectMetrics(promClient, { register });
  const one = await register.getMetricsAsJSON();
  const sum = promClient.AggregatorRegistry.aggregate([one, structuredClone(one)]);
  const series = seriesOf(await sum.metrics());
  t.is(series['ralloc_budget_used_bytes{budget="worker"}'], 8);
  t.is(series['ralloc_budget_peak_bytes{budget="worker"}'], 4);
  if (slab === null) return;
  const labels = `{slab="${slab.name}"}`;
  t.is(series[`ralloc_slab_buffers${labels}`], 2, 'each process has its own');
  t.is(series[`ralloc_shared_slab_slots${labels}`], slab.stats().count);
  t.is(series[`ralloc_shared_slab_participants${labels}`], 1);
  t.false(`ralloc_slab_slots${labels}` in series);
  slab.close({ force: true });
});

test('a metric of somebody else of the same name is an error, and nothing is added', (t) => {
  const register = new promClient.Registry();
  const name = 'ralloc_region_used_bytes';
  const foreign = new promClient.Gauge({ name, help: 'of mine', registers: [register] });
  t.throws(() => collectMetrics(promClient, { register }), {
    code,
    message: `The register has a metric '${name}' that is not of ralloc. Give a "prefix"`,
  });
  t.deepEqual(register.getMetricsAsArray(), [foreign]);
  collectMetrics(promClient, { register, prefix: 'app_' });
  t.throws(() => collectMetrics(promClient, { register, prefix: 'app_', labels: { a: 'b' } }), {
    code,
    message: /with other labels\. Give the same, or another "prefix"$/,
  });
});

test('a prom-client that is none or too old, and wrong options, are errors that say what is right', (t) => {
  const { Counter, Gauge, register } = promClient;
  const wrong = (message, ...args) => t.throws(() => collectMetrics(...args), { code, message });
  wrong(/"promClient" argument must be the module prom-client\. Received undefined$/);
  wrong(/must be the module prom-client\. Received an instance of Object$/, {});
  wrong(/must be prom-client 15 or later/, { Counter, Gauge, register, Registry: class {} });
  wrong(/"options.register" property must be an instance of Registry/, promClient, { register: 1 });
  wrong(/Did you mean "register"/, promClient, { registry: register });
  wrong(/"options.prefix" is out of range/, promClient, { prefix: '1x' });
  wrong(/"options.prefix" property must be of type string/, promClient, { prefix: 1 });
  for (const labels of [[], new Map([['zone', 'a']])])
    wrong(/"options.labels" property must be an object/, promClient, { labels });
  wrong(/none of ralloc's .* Received 'slab'$/, promClient, { labels: { slab: 'x' } });
  wrong(/Received '__name'$/, promClient, { labels: { __name: 'x' } });
  wrong(/"options.labels.a" property must be of type string/, promClient, { labels: { a: 1 } });
  t.throws(() => metricsText({ openMetrics: 1 }), {
    code,
    message: /"options.openMetrics" property must be of type boolean or string/,
  });
});

test('the document has each metric as it is told', (t) => {
  const text = fs.readFileSync(path.join(__dirname, '../../docs/guide/metrics.md'), 'utf8');
  let labels = '';
  const told = [];
  for (const line of text.split('\n')) {
    const heading = /^(?:Without a label|By (`.*`)):$/.exec(line);
    if (heading !== null) labels = (heading[1] ?? '').replaceAll('`', '');
    const [, name, help] = /^- `(ralloc_\w+)`: (.*)$/.exec(line) ?? [];
    if (name !== undefined) told.push(`${name} {${labels}} ${help}`);
  }
  t.deepEqual(
    told.sort(),
    METRICS.map(
      ({ name, labels, help }) => `${name} {${labels.join(', ')}} ${help.slice(0, -1)}`,
    ).sort(),
  );
});

// Last: each page has a thousand series from here on.

test('beyond 1,000 names the others are summed as "other", until there is room again', (t) => {
  const budgets = Array.from(
    { length: 1500 },
    (_, i) => new Budget({ name: `tenant ${i}`, maxBytes: 1 }),
  );
  const limits = of('ralloc_budget_limit_bytes');
  const { length } = Object.keys(limits);
  t.true(length > 900 && length <= 1000, `${length}`);
  t.true(limits['ralloc_budget_limit_bytes{budget="other"}'] > 500);
  const sum = (series) => Object.values(series).reduce((a, b) => a + b, 0);
  t.true(sum(limits) >= 1500);
  for (const budget of budgets) budget.close();
  const later = new Budget({ name: 'later', maxBytes: 7 });
  page();
  t.is(page()['ralloc_budget_limit_bytes{budget="later"}'], later.stats().limit);
});

test('what counters gain from scrape to scrape is all that was counted, also with more names than series', (t) => {
  const seed = seedOr(45);
  const choose = random(seed);
  const total = () => of('ralloc_budget_refused_total');
  let [before, counted, gained, overflowed] = [total(), 0, 0, 0];
  let live = [];
  for (let scrape = 0; scrape < stepsOf(10, 400, 10); scrape++) {
    const added = Array.from(
      { length: choose(1200) },
      () => new Budget({ name: `name ${choose(3000)}`, maxBytes: 0 }),
    );
    live.push(...added);
    for (const budget of live)
      for (let n = choose(3); n > 0; n--) {
        budget.tryCharge(1);
        counted++;
      }
    const now = total();
    t.true(Object.keys(now).length <= 1000);
    if ('ralloc_budget_refused_total{budget="other"}' in now) overflowed++;
    for (const [name, value] of Object.entries(now)) {
      const last = before[name] ?? 0;
      gained += value < last ? value : value - last; // one that was dropped begins anew
    }
    before = now;
    const left = choose(live.length + 1);
    for (const budget of live.slice(left)) budget.close();
    live = live.slice(0, left);
  }
  t.true(overflowed > 0);
  t.is(gained, counted, `seed ${seed}`);
  for (const budget of live) budget.close();
});
