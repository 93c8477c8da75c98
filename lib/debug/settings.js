'use strict';

// The settings of debug mode, by RALLOC_DEBUG and configureDebug(), and the listeners for changes
// of its level. It knows nobody of those.

const { SWITCH, readOne, variable } = require('../base/environment.js');
const { RallocError, typeError } = require('../base/errors.js');
const check = require('../base/validate.js');

const LEVELS = Object.freeze(['off', 'sample', 'full']);

/** RALLOC_DEBUG -> level. */
const WORDS = {
  ...Object.fromEntries(Object.keys(SWITCH).map((word) => [word, SWITCH[word] ? 'full' : 'off'])),
  sample: 'sample',
  full: 'full',
};

const MOST_EVERY = 2 ** 31 - 1;
const MOST_DEPTH = 64;

/** Read the fields each time, because configure() and start() change them. */
const settings = {
  level: 'off',
  /** With 'sample', one of so many allocations is watched. */
  sampleEvery: 128,
  /** Most frames of a stack. */
  stackDepth: 16,
  /** A function that is called with each report, or null. */
  report: null,
};

const readers = {
  level: (value, name) => check.oneOf(value, name, LEVELS),
  sampleEvery: (value, name) => check.integer(value, name, 1, MOST_EVERY),
  stackDepth: (value, name) => check.integer(value, name, 1, MOST_DEPTH),
  report: (value, name) => {
    if (value !== null && typeof value !== 'function') {
      throw typeError(name, 'of type function, or null', value);
    }
    return value;
  },
};

const listeners = [];

/** The level that all listeners know: the next call repeats an interrupted one. */
let heard = 'off';

function setLevel(level) {
  if (level === settings.level && level === heard) return;
  settings.level = level;
  for (const listener of listeners) listener(level, heard);
  heard = level;
}

/** Calls `listener(level, before)` when the level changes, and at once if it is not 'off' now. */
function onLevel(listener) {
  listeners.push(listener);
  if (settings.level !== 'off') listener(settings.level, 'off');
}

/** Checks all options before anything changes. */
function configure(options) {
  if (options === undefined) throw typeError('options', 'an object', options);
  const { level = settings.level, ...others } = check.options(options, readers);
  Object.assign(settings, others);
  setLevel(level);
}

/**
 * If RALLOC_DEBUG is not set, or wrong, the level in development is 'sample', so that developers
 * learn of misuse. Only if NODE_ENV says so: without it, it may be production.
 */
function levelOfEnvironment() {
  const usual = variable('NODE_ENV') === 'development' ? 'sample' : 'off';
  return readOne(variable('RALLOC_DEBUG'), 'RALLOC_DEBUG', WORDS) ?? usual;
}

/** Call it once all listeners are added. */
const start = () => setLevel(levelOfEnvironment());

const isOn = () => settings.level !== 'off';

/** Throws if debug mode is off. `what`: the call, such as 'verify()'. */
function checkOn(what) {
  if (isOn()) return;
  throw new RallocError(
    'ERR_RALLOC_UNSUPPORTED',
    `${what} needs debug mode: set RALLOC_DEBUG=full, or call configureDebug({ level: 'full' }) first`,
  );
}

module.exports = { LEVELS, checkOn, configure, isOn, onLevel, settings, start };
