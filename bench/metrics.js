'use strict';

// What a scrape costs with 10,000 arenas, 1,000 budgets and 100 slabs: the sums, the page of metricsText(), and prom-client's; and that of prom-client with as many series
// which are ready. 11,000 series, and 1,000 names. The arenas are those of requests in flight, which their middleware has the sums of; or the program made each of them, and
// dereferencing 10,000 WeakRefs takes a third of the time.
//
// Caveats: what is summed is still in the processor's caches, which between two real scrapes it is not.

const { Socket } = require('node:net');
const promClient = require('prom-client');
const { Arena, Budget, Slab, collectMetrics, metricsText, requestArena } = require('..');
const { eachSeries, sum } = require('../lib/metrics/sums.js');
const { METRICS } = require('../lib/metrics/table.js');
const { exchangeOn } = require('./fixtures/nowhere.js');
const { compare } = require('./harness.js');

const NAMES = Array.from({ length: 50 }, (_, i) => `arena ${i}`);

const made = []; // or they would be collected

const ARENAS = 10_000;

function makeArenas() {
  const all = Array.from(
    { length: ARENAS },
    (_, i) => new Arena({ name: NAMES[i % NAMES.length], maxBytes: 1 << 20 }),
  );
  for (const arena of all) arena.alloc(64);
  made.push(all, requestArena());
}

function makeRequests() {
  const arenas = requestArena({ maxBytes: 2 ** 30 });
  const all = Array.from({ length: ARENAS }, () => exchangeOn(new Socket()));
  for (const { req, res } of all) arenas(req, res, () => req.arena.alloc(64));
  made.push(all, arenas);
}

function makeOthers() {
  const budgets = Array.from(
    { length: 1000 },
    (_, i) => new Budget({ name: `tenant ${i}`, maxBytes: 1 << 20 }),
  );
  const slabs = Array.from({ length: 100 }, (_, i) => {
    const slab = new Slab({ name: `slab ${i}`, sizes: [64, 1024, 65_536], count: 16 });
    slab.alloc(64);
    return slab;
  });
  made.push(budgets, slabs);
}

function clientOf(own) {
  const register = new promClient.Registry();
  if (own) collectMetrics(promClient, { register });
  else fill(register);
  return async (n) => {
    let text;
    for (let i = 0; i < n; i++) text = await register.metrics();
    return text;
  };
}

/** The same series, as they are now. */
function fill(register) {
  sum();
  for (const metric of METRICS) {
    const { name, help, labels: labelNames } = metric;
    const gauge = new promClient.Gauge({ name, help, labelNames, registers: [register] });
    eachSeries(metric, (values, value) => {
      gauge.set(Object.fromEntries(labelNames.map((label, i) => [label, values[i]])), value);
    });
  }
}

const times = (act) => (n) => {
  let last;
  for (let i = 0; i < n; i++) last = act();
  return last;
};

function scrape(make) {
  make();
  makeOthers();
  return compare({
    'the sums': times(() => sum(true)),
    'metricsText()': times(metricsText),
    'prom-client with collectMetrics()': clientOf(true),
    'prom-client, values that are ready': clientOf(false),
  });
}

module.exports = {
  notMeasured: 'regions, memory that is cold, and what the server takes to send a page',
  scenarios: {
    '10,000 arenas of requests in flight': () => scrape(makeRequests),
    '10,000 arenas that the program made': () => scrape(makeArenas),
  },
};
