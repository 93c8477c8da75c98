'use strict';

// The options of a recorder, and how a process tells them to its threads and children: by the environment, which reaches children, and by the environment data
// of workers, which reaches those with an `env` of their own too.

const { constants } = require('node:os');
const path = require('node:path');
const process = require('node:process');
const { getEnvironmentData, isMainThread, threadId } = require('node:worker_threads');
const { argumentError } = require('../../lib/base/errors.js');
const validate = require('../../lib/base/validate.js');

const DATA = 'ralloc.profile';
const MOST_RATE = 2 ** 40; // bytes

/** A file has all sites that are in it, up to 12 MB of them. */
const LEAST_SIZE = 2 ** 24; // bytes

/** Those that end no process which listens. Windows has the last one alone. */
const SNAPSHOT_SIGNALS = ['SIGUSR2', 'SIGUSR1', 'SIGHUP', 'SIGBREAK'].filter(
  (name) => name in constants.signals,
);

/** Of `ralloc profile`, where people wait for the answer, and of a server in production: fractions of a core. */
const BUDGETS = { profile: 0.03, production: 0.01 };

const budget = (value, name) => {
  if (typeof value !== 'number') validate.integer(value, name, 0, 1);
  if (value > 0 && value <= 1) return value;
  throw argumentError(
    RangeError,
    `The value of "${name}" is out of range. It must be > 0 and <= 1, a fraction of a core. Received ${value}`,
  );
};

/** Of profiler.start(). */
const readers = {
  file: (value, name) => {
    if (value === null) return null;
    if (validate.string(value, name) !== '') return value;
    throw argumentError(RangeError, `"${name}" must not be empty. Received ''`);
  },
  budget,
  rate: (value, name) => validate.integer(value, name, 1, MOST_RATE),
  maxBytes: (value, name) => validate.integer(value, name, LEAST_SIZE, Number.MAX_SAFE_INTEGER),
  typedArrays: validate.boolean,
  append: validate.boolean,
  snapshotSignal: (value, name) => validate.oneOf(value, name, SNAPSHOT_SIGNALS),
  snapshotAbove: (value, name) => validate.integer(value, name, 1, Number.MAX_SAFE_INTEGER),
};

const numberOf = (text) => (text.trim() === '' ? Number.NaN : Number(text));

/** Variable of the environment → the option that it is, and how it is read. */
const VARIABLES = {
  RALLOC_PROFILE_FILE: ['file', readers.file],
  RALLOC_PROFILE_BUDGET: [
    'budget',
    (text, name) => {
      const percent = numberOf(text);
      if (percent > 0 && percent <= 100) return percent / 100;
      throw argumentError(
        RangeError,
        `${name} must be a number > 0 and <= 100, percent of a core. Received '${text}'`,
      );
    },
  ],
  RALLOC_PROFILE_RATE: ['rate', (text, name) => readers.rate(numberOf(text), name)],
  RALLOC_PROFILE_MAX_BYTES: ['maxBytes', (text, name) => readers.maxBytes(numberOf(text), name)],
  RALLOC_PROFILE_TYPED_ARRAYS: [
    'typedArrays',
    (text, name) => validate.oneOf(text, name, ['0', '1']) === '1',
  ],
  RALLOC_PROFILE_SNAPSHOT_SIGNAL: ['snapshotSignal', readers.snapshotSignal],
  RALLOC_PROFILE_SNAPSHOT_ABOVE: [
    'snapshotAbove',
    (text, name) => readers.snapshotAbove(numberOf(text), name),
  ],
  // Ours: the file was prepared by a parent, and must not be emptied; where failures are told to `ralloc profile`.
  RALLOC_PROFILE_APPEND: ['append', (text) => text === '1'],
  RALLOC_PROFILE_NOTES: ['notes', (text) => text],
  // The parent's application gave its child an environment without them.
  RALLOC_PROFILE_HIDDEN: ['hidden', (text) => text === '1'],
};

/** The file in the current folder that is taken where none is named: `ralloc-20260131-235959-1234.jsonl`, of a worker with its number. */
function defaultFile() {
  const [day, hour] = new Date().toISOString().replaceAll(/[-:]/g, '').split(/[T.]/);
  const thread = isMainThread ? process.pid : `${process.pid}-${threadId}`;
  return `ralloc-${day}-${hour}-${thread}.jsonl`;
}

/** Throws when a variable is wrong. An empty one is as none. */
function readEnvironment(env) {
  const options = {};
  for (const [name, [option, read]] of Object.entries(VARIABLES)) {
    if ((env[name] ?? '') !== '') options[option] = read(env[name], name);
  }
  return options;
}

/** The variables that tell `options` to a process. */
function variablesOf({
  file,
  budget,
  rate,
  maxBytes,
  typedArrays,
  append,
  notes,
  hidden,
  ...snapshots
}) {
  const { snapshotSignal, snapshotAbove } = snapshots;
  const texts = {
    RALLOC_PROFILE_FILE: file,
    RALLOC_PROFILE_SNAPSHOT_SIGNAL: snapshotSignal,
    RALLOC_PROFILE_SNAPSHOT_ABOVE: snapshotAbove === undefined ? undefined : `${snapshotAbove}`,
    RALLOC_PROFILE_BUDGET:
      budget === undefined ? undefined : `${Number((budget * 100).toPrecision(12))}`,
    RALLOC_PROFILE_RATE: rate === undefined ? undefined : `${rate}`,
    RALLOC_PROFILE_MAX_BYTES: maxBytes === undefined ? undefined : `${maxBytes}`,
    RALLOC_PROFILE_TYPED_ARRAYS: typedArrays ? '1' : undefined,
    RALLOC_PROFILE_APPEND: append ? '1' : undefined,
    RALLOC_PROFILE_NOTES: notes,
    RALLOC_PROFILE_HIDDEN: hidden ? '1' : undefined,
  };
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== undefined));
}

/** What this thread is to do, as its process' start or the thread that started it says. */
function optionsHere() {
  const given = isMainThread ? undefined : getEnvironmentData(DATA);
  const options = given ?? readEnvironment(process.env);
  return {
    ...options,
    hidden: options.hidden || process.env.RALLOC_PROFILE_HIDDEN === '1', // a worker's own
    file: path.resolve(options.file ?? defaultFile()),
    budget: options.budget ?? BUDGETS.profile,
  };
}

module.exports = {
  BUDGETS,
  DATA,
  LEAST_SIZE,
  SNAPSHOT_SIGNALS,
  VARIABLES,
  defaultFile,
  optionsHere,
  readEnvironment,
  readers,
  variablesOf,
};
