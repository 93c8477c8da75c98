'use strict';

// Checks the options of admission() and adds the defaults.

const { argumentError, typeError, rangeError, received } = require('../base/errors.js');
const check = require('../base/validate.js');
const { budgetOf } = require('../budget/budget.js');

const MOST_KEYS = 2 ** 24;
const MOST_FACTOR = 1024;

function factorOf(value, name) {
  check.number(value, name);
  if (value >= 1 && value <= MOST_FACTOR) return value;
  throw rangeError(name, `a number >= 1 and <= ${MOST_FACTOR}`, value);
}

const waitReaders = { timeoutMs: (value, name) => check.milliseconds(value, name, 1) };

const WAIT = { timeoutMs: 10_000 };

function waitOf(value, name) {
  if (typeof value === 'boolean') return value && WAIT;
  if (value === null || typeof value !== 'object')
    throw typeError(name, 'an object or a boolean', value);
  return { ...WAIT, ...check.options(value, waitReaders, name) };
}

const readers = {
  budget: budgetOf,
  key: check.func,
  maxKeys: (value, name) => check.integer(value, name, 1, MOST_KEYS),
  maxBytesPerKey: (value, name) => check.integer(value, name, 0, Number.MAX_SAFE_INTEGER),
  priority: check.func,
  factor: factorOf,
  wait: waitOf,
  retryAfterMs: (value, name) => check.milliseconds(value, name, 1),
  stallMs: (value, name) => check.milliseconds(value, name, 1),
};

const defaults = {
  key: null,
  maxKeys: 10_000,
  maxBytesPerKey: null, // null: half of the budget
  priority: null,
  factor: 2,
  wait: WAIT,
  retryAfterMs: 1000,
  stallMs: 30_000,
};

function admissionSettings(options) {
  const checked = check.options(options, readers);
  const settings = { ...defaults, ...checked };
  for (const name of ['maxKeys', 'maxBytesPerKey']) {
    if (checked[name] !== undefined && settings.key === null)
      throw argumentError(TypeError, `The option "${name}" goes with "key"`);
  }
  budgetOf(settings.budget, 'options.budget');
  return settings;
}

/** What the user's function `ask`, the option `name`, returns for a request: must be of `type`. */
function answerOf(ask, name, req, type) {
  let answer;
  try {
    answer = ask(req);
  } catch (cause) {
    const error = argumentError(TypeError, `The function "${name}" threw: see the cause`);
    throw Object.assign(error, { cause });
  }
  if (typeof answer === type) return answer;
  const message = `The function "${name}" must return a ${type}. ${received(answer)}`;
  throw argumentError(TypeError, message);
}

module.exports = { admissionSettings, answerOf };
