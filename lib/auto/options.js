'use strict';

// The options of the loader. They come by the environment, which reaches children, and by the
// environment data of workers, which reaches those with an `env` of their own too.

const path = require('node:path');
const process = require('node:process');
const { readSwitch } = require('../base/environment.js');
const { isMainThread } = require('../base/runtime.js');

const TABLE = 'ralloc.table.json';
const DATA = 'ralloc.auto';
const PARTS = 'ralloc.auto.parts';

const flag = (text, name) => readSwitch(text, name) === true;
const flagOf = (value) => (value ? '1' : '0');

/** Variable of the environment -> the option, how to read it, and how to write it. */
const VARIABLES = {
  RALLOC_AUTO: ['parts', (text) => text.split(','), String],
  RALLOC_AUTO_TABLE: ['file', (text) => path.resolve(text), String],
  RALLOC_AUTO_ALLOC: ['isAlloc', flag, flagOf],
  RALLOC_AUTO_ANY_SIZE: ['isAnySize', flag, flagOf],
  RALLOC_AUTO_SUGGESTED: ['isSuggested', flag, flagOf],
  RALLOC_AUTO_PACKAGES: ['packages', (text) => text.split(','), String],
  // Internal. NOTES: the folder that `ralloc compare` reads. TOLD: a table of which it was said
  // that it changes code.
  RALLOC_AUTO_NOTES: ['notes', String, String],
  RALLOC_AUTO_TOLD: ['told', String, String],
};

/**
 * Reads the options. An empty variable counts as unset. Without RALLOC_AUTO_TABLE, the table is
 * RALLOC_TABLE, which sites with a name read too. `isNamed`: the table must exist.
 */
function readEnvironment(env) {
  const file = path.resolve(env.RALLOC_TABLE || TABLE);
  const flags = { isAlloc: false, isAnySize: false, isSuggested: false };
  const isNamed = Boolean(env.RALLOC_TABLE || env.RALLOC_AUTO_TABLE);
  const options = { file, isNamed, ...flags, packages: [], notes: undefined, parts: [] };
  for (const [name, [option, read]] of Object.entries(VARIABLES)) {
    if ((env[name] ?? '') !== '') options[option] = read(env[name], name);
  }
  return options;
}

/** The variables that pass `options` to a process. */
function variablesOf(options) {
  const passed = Object.entries(VARIABLES).filter(([, [option]]) => options[option] !== undefined);
  return Object.fromEntries(
    passed.map(([name, [option, , tell]]) => [name, tell(options[option])]),
  );
}

/** Loaded only if there are options to pass on, or in a worker. */
const threads = () => require('node:worker_threads');

/**
 * What the main thread passed to this worker; undefined in the main thread, and if that has no
 * trial.
 */
const inheritedHere = () => (isMainThread ? undefined : threads().getEnvironmentData(DATA));

/** Sets what workers inherit. */
const give = (value) => threads().setEnvironmentData(DATA, value);

/**
 * The parts of RALLOC_AUTO. Workers, which may have their own environment, use those of the main
 * thread.
 */
function partsHere(parts) {
  if (!isMainThread) return threads().getEnvironmentData(PARTS) ?? parts;
  if (parts.length > 0) threads().setEnvironmentData(PARTS, parts);
  return parts;
}

const optionsHere = () => readEnvironment(process.env);

module.exports = { TABLE, VARIABLES, give, inheritedHere, optionsHere, partsHere, variablesOf };
