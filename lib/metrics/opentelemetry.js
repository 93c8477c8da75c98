'use strict';

// The metrics as observable instruments of an OpenTelemetry meter. Only methods of the meter are
// used, no package.

const { argumentError, typeError } = require('../base/errors.js');
const { labelled } = require('./options.js');
const { eachSeries, sum } = require('./sums.js');
const { METRICS } = require('./table.js');

const MAKERS = { counter: 'createObservableCounter', gauge: 'createObservableGauge' };
const BATCHES = ['addBatchObservableCallback', 'removeBatchObservableCallback'];

const observed = new WeakMap(); // meter -> what observe() made

const NO_OPTIONS =
  'observeMetrics() has no options. Names and attributes are changed by a view and the resource of the MeterProvider';

const unitOf = (name) => (/_bytes(_total)?$/.test(name) ? 'By' : undefined);

function observeMetrics(meter, ...rest) {
  const methods = [...Object.values(MAKERS), ...BATCHES];
  if (methods.some((method) => typeof meter?.[method] !== 'function'))
    throw typeError('meter', 'a Meter of OpenTelemetry', meter);
  if (rest.length > 0) throw argumentError(TypeError, NO_OPTIONS);
  const known = observed.get(meter) ?? observe(meter);
  known.users.add(stop);
  return stop;

  function stop() {
    if (known.users.delete(stop) && known.users.size === 0) known.end();
  }
}

/**
 * `{ users, end }`: the users of the instruments, and a function that stops reading the metrics,
 * for when the last user has left.
 */
function observe(meter) {
  const instruments = METRICS.map(({ name, type, help: description }) =>
    meter[MAKERS[type]](name, { description, unit: unitOf(name) }),
  );
  const read = (result) => {
    sum();
    METRICS.forEach((metric, index) => {
      eachSeries(metric, (values, value) => {
        result.observe(instruments[index], value, labelled(metric.labels, values));
      });
    });
  };
  meter.addBatchObservableCallback(read, instruments);
  const end = () => {
    meter.removeBatchObservableCallback(read, instruments);
    observed.delete(meter);
  };
  const own = { users: new Set(), end };
  observed.set(meter, own);
  return own;
}

module.exports = { observeMetrics };
