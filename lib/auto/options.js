'use strict';

// The options of the loader. They come by the environment, which reaches children, and by the environment data of workers, which reaches those with an `env` of
// their own too.

const path = require('node:path');
const process = require('node:process');
const { isMainThread } = require('../base/runtime.js');

const TABLE = 'ralloc.table.json';
const DATA = 'ralloc.auto';
const PARTS = 'ralloc.auto.parts';

const flag = (text) => text === '1';
const flagOf = (value) => (value ? '1' : '0');

/** Variable of the environment → the option that it is, how it is read, and how it is told. */
const VARIABLES = {
  RALLOC_AUTO: ['parts', (text) => text.split(','), String],
  RALLOC_AUTO_TABLE: ['file', (text) => path.resolve(text), String],
  RALLOC_AUTO_ALLOC: ['isAlloc', flag, flagOf],
  RALLOC_AUTO_ANY_SIZE: ['isAnySize', flag, flagOf],
  RALLOC_AUTO_SUGGESTED: ['isSuggested', flag, flagOf],
  RALLOC_AUTO_PACKAGES: ['packages', (text) => text.split(','), String],
  // Ours: the folder that `ralloc trial` reads.
  RALLOC_AUTO_NOTES: ['notes', String, String],
};

/**
 * An empty variable is as none. RALLOC_TABLE, which sites with a name read too, is the table where there is no other. `isNamed`: the table is to be there.
 */
function readEnvironment(env) {
  const file = path.resolve(env.RALLOC_TABLE || TABLE);
  const flags = { isAlloc: false, isAnySize: false, isSuggested: false };
  const isNamed = Boolean(env.RALLOC_TABLE || env.RALLOC_AUTO_TABLE);
  const options = { file, isNamed, ...flags, packages: [], notes: undefined, parts: [] };
  for (const [name, [option, read]] of Object.entries(VARIABLES)) {
    if ((env[name] ?? '') !== '') options[option] = read(env[name]);
  }
  return options;
}

/** The variables that tell `options` to a process. */
function variablesOf(options) {
  const passed = Object.entries(VARIABLES).filter(([, [option]]) => options[option] !== undefined);
  return Object.fromEntries(
    passed.map(([name, [option, , tell]]) => [name, tell(options[option])]),
  );
}

/** Loaded where there is something to tell, or somebody to hear it. */
const threads = () => require('node:worker_threads');

/** What the main thread gave its workers; undefined in the main thread, and in workers of one that has no trial. */
const inheritedHere = () => (isMainThread ? undefined : threads().getEnvironmentData(DATA));

/** What workers begin with. */
const give = (value) => threads().setEnvironmentData(DATA, value);

/** The parts of RALLOC_AUTO, which workers with an environment of their own have of the main thread. */
function partsHere(parts) {
  if (!isMainThread) return threads().getEnvironmentData(PARTS) ?? parts;
  if (parts.length > 0) threads().setEnvironmentData(PARTS, parts);
  return parts;
}

const optionsHere = () => readEnvironment(process.env);

module.exports = { TABLE, VARIABLES, give, inheritedHere, optionsHere, partsHere, variablesOf };
