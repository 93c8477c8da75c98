'use strict';

// The metrics in a registry of the application's own prom-client 15. If a process has several
// copies of ralloc, they share these metrics: each adds a reader, and a scrape calls all of them.

const { argumentError, typeError } = require('../base/errors.js');
const check = require('../base/validate.js');
const options = require('./options.js');
const { eachSeries, sum } = require('./sums.js');
const { METRICS } = require('./table.js');

/**
 * The property of a metric of ours: a Map from a copy of ralloc to its reader, `read(metric)`. Not
 * in base/protocol.js, which every mount loads.
 */
const kMetricReaders = Symbol.for('ralloc.metrics.readers.1');

const isFunction = (value) => typeof value === 'function';

function checkClient(client) {
  if (!isFunction(client?.Counter) || !isFunction(client.Gauge))
    throw typeError('promClient', 'the module prom-client', client);
  // No earlier major version has it.
  if (typeof client.Registry?.OPENMETRICS_CONTENT_TYPE === 'string') return;
  const message = 'The argument "promClient" must be prom-client 15 or later. Update it';
  throw argumentError(TypeError, message);
}

function registry(value, name) {
  if (isFunction(value?.getSingleMetric) && isFunction(value.registerMetric)) return value;
  throw typeError(name, 'an instance of Registry', value);
}

const readers = { register: registry, prefix: options.prefix, labels: options.labels };

/** Returns the metric of a name, or undefined. Throws if it is not ours or has other labels. */
function existing(register, name, labels) {
  const metric = register.getSingleMetric(name);
  if (metric === undefined) return undefined;
  const isOurs = metric[kMetricReaders] !== undefined;
  if (isOurs && metric.labelNames.join() === labels.join()) return metric;
  const why = isOurs
    ? 'with other labels. Give the same, or another "prefix"'
    : 'that is not of ralloc. Give a "prefix"';
  throw argumentError(TypeError, `The register has a metric '${name}' ${why}`);
}

function make(client, register, { type, help, across }, name, labelNames) {
  const Type = type === 'counter' ? client.Counter : client.Gauge;
  const all = new Map(); // the table of a copy -> its reader
  const collect = function () {
    this.reset();
    for (const read of all.values()) read(this);
  };
  const registers = [register];
  const metric = new Type({ name, help, labelNames, aggregator: across, registers, collect });
  Object.defineProperty(metric, kMetricReaders, { value: all });
  return metric;
}

/** The reader of this copy for a metric. */
const readerOf = (metric, labels) => (target) => {
  sum();
  eachSeries(metric, (values, value) => {
    target.inc(options.labelled(metric.labels, values, labels), value);
  });
};

function collectMetrics(promClient, given) {
  checkClient(promClient);
  const asked = check.options(given, readers);
  const { prefix = '', labels = {} } = asked;
  const register = asked.register ?? registry(promClient.register, 'promClient.register');
  const own = Object.keys(labels);
  const targets = METRICS.map((one) => [one, prefix + one.name, [...own, ...one.labels]]);
  for (const [, ...target] of targets) existing(register, ...target); // check all before adding any
  for (const [metric, ...target] of targets) {
    const known = existing(register, ...target) ?? make(promClient, register, metric, ...target);
    known[kMetricReaders].set(METRICS, readerOf(metric, labels));
  }
}

module.exports = { collectMetrics };
