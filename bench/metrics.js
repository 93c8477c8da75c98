'use strict';

// What a scrape costs with 10,000 arenas, 1,000 budgets and 100 slabs: the sums, the page of metricsText(), and prom-client's; and that of prom-client with as many series
// which are ready. 11,000 series, and 1,000 names.
//
// Caveats: the arenas have 50 names, and what they are summed from is still in the processor's caches, which between two real scrapes it is not.

const promClient = require('prom-client');
const { Arena, Budget, Slab, collectMetrics, metricsText, requestArena } = require('..');
const { eachSeries, sum } = require('../lib/metrics/sums.js');
const { METRICS } = require('../lib/metrics/table.js');
const { compare } = require('./harness.js');

const NAMES = Array.from({ length: 50 }, (_, i) => `arena ${i}`);

const made = []; // or they would be collected

function makeAll() {
  const arenas = Array.from({ length: 10_000 }, (_, i) => {
    const arena = new Arena({ name: NAMES[i % NAMES.length], maxBytes: 1 << 20 });
    arena.alloc(64);
    return arena;
  });
  const budgets = Array.from(
    { length: 1000 },
    (_, i) => new Budget({ name: `tenant ${i}`, maxBytes: 1 << 20 }),
  );
  const slabs = Array.from({ length: 100 }, (_, i) => {
    const slab = new Slab({ name: `slab ${i}`, sizes: [64, 1024, 65_536], count: 16 });
    slab.alloc(64);
    return slab;
  });
  made.push(arenas, budgets, slabs, requestArena());
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

module.exports = {
  notMeasured: 'regions, memory that is cold, and what the server takes to send a page',
  scenarios: {
    'a scrape': () => {
      makeAll();
      return compare({
        'the sums': times(() => sum(true)),
        'metricsText()': times(metricsText),
        'prom-client with collectMetrics()': clientOf(true),
        'prom-client, values that are ready': clientOf(false),
      });
    },
  },
};
