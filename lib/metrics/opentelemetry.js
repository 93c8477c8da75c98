'use strict';

// The metrics as observable instruments of an OpenTelemetry meter. Only methods of the meter are used, no package.

const { typeError } = require('../base/errors.js');
const { labelled } = require('./options.js');
const { eachSeries, sum } = require('./sums.js');
const { METRICS } = require('./table.js');

const MAKERS = { counter: 'createObservableCounter', gauge: 'createObservableGauge' };
const BATCHES = ['addBatchObservableCallback', 'removeBatchObservableCallback'];

const observed = new WeakMap(); // meter → the function that stops observing it

const unitOf = (name) => (/_bytes(_total)?$/.test(name) ? 'By' : undefined);

function observeMetrics(meter) {
  const methods = [...Object.values(MAKERS), ...BATCHES];
  if (methods.some((method) => typeof meter?.[method] !== 'function'))
    throw typeError('meter', 'a Meter of OpenTelemetry', meter);
  if (observed.has(meter)) return observed.get(meter);
  const instruments = METRICS.map(({ name, type, help: description }) =>
    meter[MAKERS[type]](name, { description, unit: unitOf(name) }),
  );
  const observe = (result) => {
    sum();
    METRICS.forEach((metric, index) => {
      eachSeries(metric, (values, value) => {
        result.observe(instruments[index], value, labelled(metric.labels, values));
      });
    });
  };
  meter.addBatchObservableCallback(observe, instruments);
  const stop = () => {
    meter.removeBatchObservableCallback(observe, instruments);
    if (observed.get(meter) === stop) observed.delete(meter);
  };
  observed.set(meter, stop);
  return stop;
}

module.exports = { observeMetrics };
