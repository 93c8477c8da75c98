'use strict';
// tier: run-time

// The same series by OpenTelemetry: its API alone is used, and its SDK tells them.

const test = require('ava');
const { metrics } = require('@opentelemetry/api');
const { PrometheusExporter } = require('@opentelemetry/exporter-prometheus');
const {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} = require('@opentelemetry/sdk-metrics');
const { Arena, Budget, metricsText, observeMetrics } = require('../..');
const { seriesOf } = require('../helpers/metrics-page.js');

/** What the SDK's exporter for Prometheus answers. */
function provide(t) {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [exporter] });
  t.teardown(() => provider.shutdown());
  const page = () =>
    new Promise((resolve) => {
      exporter.getMetricsRequestHandler({}, { setHeader() {}, end: resolve });
    });
  return { meter: provider.getMeter('ralloc'), page };
}

/** Without what the exporter adds to each, and what it tells of itself; RSS is another at each scrape. */
function plain(series) {
  const own = Object.entries(series).filter(
    ([name]) => name.startsWith('ralloc_') && !/_resident_|_memory_bytes/.test(name),
  );
  return Object.fromEntries(
    own.map(([name, value]) => [
      name.replace(/,?otel_scope_\w+="[^"]*"/g, '').replace(/\{,?\}$/, ''),
      value,
    ]),
  );
}

test.serial('the exporter for Prometheus tells the series of metricsText()', async (t) => {
  const { meter, page } = provide(t);
  const budget = new Budget({ name: 'seen', maxBytes: 10 });
  t.is(budget.tryCharge(11), null);
  const arena = new Arena({ name: 'frames' });
  arena.alloc(100);
  observeMetrics(meter);
  const seen = plain(seriesOf(await page()));
  t.deepEqual(seen, plain(seriesOf(metricsText())));
  t.is(seen['ralloc_budget_refused_total{budget="seen"}'], 1);
  budget.charge(10);
  t.is(plain(seriesOf(await page()))['ralloc_budget_used_bytes{budget="seen"}'], 10);
  arena.close();
});

test.serial('a second call adds nothing twice, and what the last returned ends it', async (t) => {
  const { meter, page } = provide(t);
  const budget = new Budget({ name: 'once', maxBytes: 10 });
  const first = observeMetrics(meter);
  const stop = observeMetrics(meter);
  for (let i = 0; i < 2; i++) first(); // another's are there still
  const name = 'ralloc_budget_limit_bytes{budget="once"}';
  t.is(plain(seriesOf(await page()))[name], budget.stats().limit);
  stop();
  const later = new Budget({ name: 'later', maxBytes: 5 });
  const ofLater = 'ralloc_budget_limit_bytes{budget="later"}';
  t.is(plain(seriesOf(await page()))[ofLater], undefined);
  const again = observeMetrics(meter);
  t.is(plain(seriesOf(await page()))[ofLater], later.stats().limit);
  again();
  const end = new Budget({ name: 'end', maxBytes: 5 });
  t.is(plain(seriesOf(await page()))['ralloc_budget_limit_bytes{budget="end"}'], undefined);
  end.close();
});

test.serial('an exporter of differences is told what was added since the one before', async (t) => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.DELTA);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  t.teardown(() => provider.shutdown());
  const budget = new Budget({ name: 'differences', maxBytes: 10 });
  observeMetrics(provider.getMeter('ralloc'));
  for (const refused of [1, 0, 3]) {
    for (let i = 0; i < refused; i++) budget.tryCharge(11);
    exporter.reset();
    await provider.forceFlush();
    const [{ scopeMetrics }] = exporter.getMetrics();
    const { metrics: all } = scopeMetrics.find(({ scope }) => scope.name === 'ralloc');
    const pointOf = (name) =>
      all
        .find(({ descriptor }) => descriptor.name === name)
        .dataPoints.find(({ attributes }) => attributes.budget === 'differences').value;
    t.is(pointOf('ralloc_budget_refused_total'), refused);
    t.is(pointOf('ralloc_budget_limit_bytes'), 10);
  }
  budget.close();
});

test('without an SDK the meter of the API does nothing', (t) => {
  t.is(typeof observeMetrics(metrics.getMeter('ralloc')), 'function');
});

test('what is no meter is an error, and so are options, of which there are none', (t) => {
  for (const meter of [undefined, null, {}, 'meter'])
    t.throws(() => observeMetrics(meter), {
      code: 'ERR_RALLOC_INVALID_ARGUMENT',
      message: /^The "meter" argument must be a Meter of OpenTelemetry\. Received/,
    });
  t.throws(() => observeMetrics(metrics.getMeter('ralloc'), { prefix: 'shop_' }), {
    code: 'ERR_RALLOC_INVALID_ARGUMENT',
    message: /^observeMetrics\(\) has no options/,
  });
});
