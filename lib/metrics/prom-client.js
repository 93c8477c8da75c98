'use strict';

// The metrics in a registry of prom-client 15, the application's own copy. A metric of ours there has the readers of all copies of ralloc in the process,
// which each add what they have.

const { argumentError, typeError } = require('../base/errors.js');
const check = require('../base/validate.js');
const options = require('./options.js');
const { eachSeries, sum } = require('./sums.js');
const { METRICS } = require('./table.js');

/** Of a metric of ours: a Map of what reads it, `read(metric)`, by copy. Here and not in base/protocol.js, which every mount loads. */
const kMetricReaders = Symbol.for('ralloc.metrics.readers.1');

const isFunction = (value) => typeof value === 'function';

function checkClient(client) {
  if (!isFunction(client?.Counter) || !isFunction(client.Gauge))
    throw typeError('promClient', 'the module prom-client', client);
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
    for (const read of all.values()) read(this);
  };
  const registers = [register];
  const metric = new Type({ name, help, labelNames, aggregator: across, registers, collect });
  Object.defineProperty(metric, kMetricReaders, { value: all });
  return metric;
}

/** What reads a metric, of this copy. */
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
  for (const [, ...target] of targets) existing(register, ...target); // or nothing is added
  for (const [metric, ...target] of targets) {
    const known = existing(register, ...target) ?? make(promClient, register, metric, ...target);
    known[kMetricReaders].set(METRICS, readerOf(metric, labels));
  }
}

module.exports = { collectMetrics };
