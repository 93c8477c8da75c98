'use strict';

// The metrics in a registry of prom-client 15, the application's own copy. A metric of ours there has the readers of all copies of ralloc in the process,
// which each add what they have.

const { argumentError, typeError } = require('../base/errors.js');
const check = require('../base/validate.js');
const options = require('./options.js');
const { eachSeries, sum } = require('./sums.js');
const { METRICS } = require('./table.js');

/** Of a metric of ours: a Map of what reads it, `read(inc)`, by copy. Here and not in base/protocol.js, which every mount loads. */
const kMetricReaders = Symbol.for('ralloc.metrics.readers.1');

const isFunction = (value) => typeof value === 'function';

function checkClient(client) {
  const isClient = isFunction(client?.Counter) && isFunction(client.Gauge);
  if (!isClient) throw typeError('promClient', 'the module prom-client', client);
  // Which no other major version before had.
  if (typeof client.Registry?.OPENMETRICS_CONTENT_TYPE === 'string') return;
  const message = 'The argument "promClient" must be prom-client 15 or later. Update it';
  throw argumentError(TypeError, message);
}

function registry(value, name) {
  if (isFunction(value?.getSingleMetric) && isFunction(value.registerMetric)) return value;
  throw typeError(name, 'an instance of Registry', value);
}

const readers = { register: registry, prefix: options.prefix, labels: options.labels };

/** The metric of a name, or undefined. Throws where it is not ours, or has other labels. */
function existing(register, name, labels) {
  const metric = register.getSingleMetric(name);
  if (metric === undefined) return undefined;
  const isOurs = metric[kMetricReaders] !== undefined;
  if (isOurs && metric.labelNames.join() === labels.join()) return metric;
  const why = isOurs
    ? 'with other labels. Give the same, or another "prefix"'
    : 'that is not of ralloc. Give a "prefix"';
  throw argumentError(Error, `The register has a metric '${name}' ${why}`);
}

function make(client, register, { type, help, across }, name, labelNames) {
  const Type = type === 'counter' ? client.Counter : client.Gauge;
  const all = new Map(); // by the table of a copy
  const collect = function () {
    this.reset();
    for (const read of all.values()) read((labels, value) => this.inc(labels, value));
  };
  const registers = [register];
  const metric = new Type({ name, help, labelNames, aggregator: across, registers, collect });
  Object.defineProperty(metric, kMetricReaders, { value: all });
  return metric;
}

/** What reads a metric, of this copy. */
const readerOf = (metric, labels) => (inc) => {
  sum();
  eachSeries(metric, (values, value) => {
    const all = { ...labels };
    metric.labels.forEach((name, i) => {
      all[name] = values[i];
    });
    inc(all, value);
  });
};

function collectMetrics(promClient, given) {
  checkClient(promClient);
  const asked = check.options(given, readers);
  const { prefix = '', labels = {} } = asked;
  const register = asked.register ?? registry(promClient.register, 'promClient.register');
  const found = METRICS.map((metric) => {
    const name = prefix + metric.name;
    const names = [...Object.keys(labels), ...metric.labels];
    return { name, names, metric: existing(register, name, names) };
  });
  METRICS.forEach((metric, index) => {
    const { name, names, metric: known } = found[index];
    const all = (known ?? make(promClient, register, metric, name, names))[kMetricReaders];
    if (!all.has(METRICS)) all.set(METRICS, readerOf(metric, labels));
  });
}

module.exports = { collectMetrics };
