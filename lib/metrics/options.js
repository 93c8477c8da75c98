'use strict';

// The options that all three exports of metrics have: a prefix for the names, and labels for every
// series.

const { isMap } = require('node:util').types;
const { argumentError, rangeError, typeError } = require('../base/errors.js');
const check = require('../base/validate.js');
const { METRICS } = require('./table.js');

const PREFIX = /^([a-zA-Z_:][a-zA-Z0-9_:]*)?$/;
const LABEL = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;

const own = new Set(METRICS.flatMap(({ labels }) => labels));

function prefix(value, name) {
  if (PREFIX.test(check.string(value, name))) return value;
  throw rangeError(name, 'letters, digits, "_" and ":", and begin with no digit', value);
}

function labels(value, name) {
  if (value === null || typeof value !== 'object' || Array.isArray(value) || isMap(value))
    throw typeError(name, 'an object', value);
  const entries = Object.entries(value);
  for (const [label, text] of entries) {
    if (!LABEL.test(label) || own.has(label)) {
      const which = `Prometheus's names of labels, and none of ralloc's (${[...own].join(', ')})`;
      const message = `The keys of "${name}" must be ${which}. Received '${label}'`;
      throw argumentError(RangeError, message);
    }
    check.string(text, `${name}.${label}`);
  }
  return Object.fromEntries(entries);
}

/** The labels of a series as an object, including those that every series has. */
function labelled(names, values, common) {
  const all = { ...common };
  for (let i = 0; i < names.length; i++) all[names[i]] = values[i];
  return all;
}

module.exports = { labelled, labels, prefix };
