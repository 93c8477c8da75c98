'use strict';

// The options of a recorder, and how a process passes them on, so that threads and children record
// too, into the same file: to children by environment variables, to workers by
// setEnvironmentData(), which also reaches workers with an `env` of their own. Children whose
// environment is not this one, or a copy of it, are not recorded.

const { constants } = require('node:os');
const path = require('node:path');
const process = require('node:process');
const { readSwitch, warnOfValue } = require('../../lib/base/environment.js');
const { argumentError } = require('../../lib/base/errors.js');
const { isMainThread, threadId } = require('../../lib/base/runtime.js');
const validate = require('../../lib/base/validate.js');
const { BUDGETS } = require('./budget.js');
const { whenLoaded } = require('./late.js');

const threads = () => require('node:worker_threads');

const DATA = 'ralloc.profile';
const MOST_BYTES = 2 ** 40;

/** The least that `maxBytes` may be: each file defines all of its sites, which take up to 12 MB. */
const LEAST_SIZE = 2 ** 24; // bytes

/** Signals that do not end a process with a listener for them. Windows has only the last one. */
const SNAPSHOT_SIGNALS = ['SIGUSR2', 'SIGUSR1', 'SIGHUP', 'SIGBREAK'].filter(
  (name) => name in constants.signals,
);

const rangeError = (name, must, given) =>
  argumentError(RangeError, `${name} must ${must}. Received ${given}`);

const budget = (value, name) => {
  if (typeof value !== 'number') validate.integer(value, name, 0, 1);
  if (value > 0 && value <= 1) return value;
  throw rangeError(`"${name}"`, 'be > 0 and <= 1, a fraction of a core', value);
};

const readers = {
  file: (value, name) => {
    if (value === null) return null;
    if (validate.string(value, name) !== '') return value;
    throw rangeError(`"${name}"`, 'not be empty', "''");
  },
  budget,
  rate: (value, name) => validate.integer(value, name, 1, MOST_BYTES),
  maxBytes: (value, name) => validate.integer(value, name, LEAST_SIZE, Number.MAX_SAFE_INTEGER),
  typedArrays: validate.boolean,
  append: validate.boolean,
  snapshotSignal: (value, name) => validate.oneOf(value, name, SNAPSHOT_SIGNALS),
  snapshotAbove: (value, name) => validate.integer(value, name, 1, Number.MAX_SAFE_INTEGER),
};

const UNITS = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/**
 * Reads a size given as text, in the environment or on the command line. `what`: a description of
 * the expected number.
 */
const bytes = (least, what) => (text, name) => {
  const [, digits, unit] = /^(\d+)([kmg]?)(?:i?b)?$/i.exec(text) ?? [];
  const value = Number(digits) * UNITS[unit?.toLowerCase()];
  if (value >= least && value <= MOST_BYTES) return value;
  throw rangeError(name, `be a number of bytes${what}`, `"${text}"`);
};

const percent = (text, name) => {
  const value = Number(text.replace(/%$/, '') || Number.NaN);
  if (value > 0 && value <= 100) return value / 100;
  throw rangeError(name, 'be > 0 and <= 100, percent of a core', `"${text}"`);
};

const percentOf = (budget) => `${Number((budget * 100).toPrecision(12))}`;

const flag = (text, name) => readSwitch(text, name) === true;
const flagOf = () => '1';

/**
 * Environment variable -> its option, how to read it, and how to write it. `ralloc profile` has
 * options of the same names.
 */
const VARIABLES = {
  RALLOC_PROFILE_FILE: ['file', readers.file, String],
  RALLOC_PROFILE_BUDGET: ['budget', percent, percentOf],
  RALLOC_PROFILE_RATE: ['rate', bytes(1, ', such as 65536 or 64k'), String],
  RALLOC_PROFILE_MAX_BYTES: ['maxBytes', bytes(LEAST_SIZE, ' from 16m on, such as 1g'), String],
  RALLOC_PROFILE_TYPED_ARRAYS: ['typedArrays', flag, flagOf],
  RALLOC_PROFILE_SNAPSHOT_SIGNAL: ['snapshotSignal', readers.snapshotSignal, String],
  RALLOC_PROFILE_SNAPSHOT_ABOVE: ['snapshotAbove', bytes(1, ', such as 512m'), String],
  // Internal. APPEND: a parent has prepared the file, so it must not be emptied. NOTES: the folder
  // in which recorders leave notes for `ralloc profile`.
  RALLOC_PROFILE_APPEND: ['append', (text) => text === '1', flagOf],
  RALLOC_PROFILE_NOTES: ['notes', String, String],
};

/**
 * The default file, in the current folder: `ralloc-20260131-235959-1234.jsonl`; for a worker with
 * its number.
 */
function defaultFile() {
  const [day, hour] = new Date().toISOString().replaceAll(/[-:]/g, '').split(/[T.]/);
  const thread = isMainThread ? process.pid : `${process.pid}-${threadId}`;
  return `ralloc-${day}-${hour}-${thread}.jsonl`;
}

/** An empty variable counts as unset, and so does a wrong one, which is told. */
function readEnvironment(env) {
  const options = {};
  for (const [name, [option, read]] of Object.entries(VARIABLES)) {
    if ((env[name] ?? '') === '') continue;
    try {
      options[option] = read(env[name], name);
    } catch ({ message }) {
      warnOfValue(name, env[name], message.split('. Received')[0]);
    }
  }
  return options;
}

function variablesOf(options) {
  const told = Object.entries(VARIABLES).filter(([, [option]]) => options[option]);
  return Object.fromEntries(told.map(([name, [option, , tell]]) => [name, tell(options[option])]));
}

/** The options for this thread, from the environment or from the thread that started it. */
function optionsHere() {
  const given = isMainThread ? undefined : threads().getEnvironmentData(DATA);
  const options = given ?? readEnvironment(process.env);
  return {
    ...options,
    file: path.resolve(options.file ?? defaultFile()),
    budget: options.budget ?? BUDGETS.profile,
  };
}

/** Empty in a bundle, which does not contain the file. */
const PRELOAD = typeof __dirname === 'string' ? path.join(__dirname, 'preload.js') : '';

/** The value of NODE_OPTIONS that loads the recorder, or another `preload`, before the `others`. */
const nodeOptions = (others, preload = PRELOAD) =>
  `--require "${preload.replaceAll(/["\\]/g, '\\$&')}"${others ? ` ${others}` : ''}`;

function passOn(options) {
  const ours = { ...options, append: true };
  whenLoaded('worker_threads', () => threads().setEnvironmentData(DATA, ours));
  Object.assign(process.env, variablesOf(ours));
}

module.exports = {
  ...{ PRELOAD, VARIABLES, readers },
  ...{ defaultFile, nodeOptions, optionsHere, passOn, variablesOf },
};
