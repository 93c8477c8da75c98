'use strict';

// All metrics as text, without prom-client: Prometheus's format 0.0.4, or OpenMetrics 1.0.0.

const { typeError } = require('../base/errors.js');
const { itemOf } = require('../base/item-of.js');
const check = require('../base/validate.js');
const options = require('./options.js');
const { eachSeries, sum } = require('./sums.js');
const { METRICS } = require('./table.js');

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
// Matches the part of the header `accept` that asks for OpenMetrics.
const TAKEN = /^\s*application\/openmetrics-text\s*(;(?!.*\bq=0(\.0*)?\s*(;|$))|$)/i;

const escapes = { '\\': '\\\\', '\n': '\\n', '"': '\\"' };
const escaped = (text) => text.replace(/[\\\n"]/g, (letter) => escapes[letter]);
const pair = (name, value) => `${name}="${escaped(value)}"`;

/** `{name="value"}`. `common`: the text of the labels that every series has. */
function textOf(names, values, common) {
  let text = common;
  for (let i = 0; i < names.length; i++)
    text += `${text === '' ? '' : ','}${pair(names[i], values[i])}`;
  return text === '' ? '' : `{${text}}`;
}

/** The header `accept`, or a boolean. */
function openMetrics(value, name) {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') throw typeError(name, 'of type boolean or string', value);
  return value.split(',').some((part) => TAKEN.test(part));
}

const readers = { openMetrics, prefix: options.prefix, labels: options.labels };

function metricsText(given) {
  const asked = check.options(given, readers);
  const { openMetrics: isOpen = false, prefix = '', labels = {} } = asked;
  const common = Object.entries(labels)
    .map((one) => pair(...one))
    .join();
  sum(true);
  const texts = new Map(); // row -> the text of its labels; a row has a series per metric
  const labelsOf = (names, values) => itemOf(texts, values, () => textOf(names, values, common));
  let text = '';
  for (const metric of METRICS) {
    const { name, type, help, labels: own } = metric;
    const full = prefix + name;
    const family = isOpen && type === 'counter' ? full.slice(0, -'_total'.length) : full;
    let series = '';
    eachSeries(metric, (values, value) => {
      series += `${full}${labelsOf(own, values)} ${value}\n`;
    });
    if (series !== '') text += `# HELP ${family} ${help}\n# TYPE ${family} ${type}\n${series}`;
  }
  return isOpen ? `${text}# EOF\n` : text;
}

/** The header `content-type` for that text. */
const metricsContentType = (given) =>
  check.options(given, readers).openMetrics === true ? OPENMETRICS : PROMETHEUS;

module.exports = { metricsContentType, metricsText };
