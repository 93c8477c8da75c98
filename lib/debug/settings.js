'use strict';

// The settings of debug mode, by RALLOC_DEBUG and configureDebug(), and the listeners for changes of its level. It knows nobody
// of those.

const { variable } = require('../base/environment.js');
const { argumentError, RallocError, typeError } = require('../base/errors.js');
const check = require('../base/validate.js');

const LEVELS = Object.freeze(['off', 'sample', 'full']);

/** RALLOC_DEBUG → level. */
const WORDS = {
  '': 'off',
  0: 'off',
  false: 'off',
  off: 'off',
  sample: 'sample',
  full: 'full',
  true: 'full',
  1: 'full',
};

const MOST_EVERY = 2 ** 31 - 1;
const MOST_DEPTH = 64;

/** Read it each time; only configure() and start() write it. */
const settings = {
  level: 'off',
  /** One of so many allocations is watched, with 'sample'. */
  sampleEvery: 128,
  /** Frames of a stack. */
  stackDepth: 16,
  /** A function that is given each report, or null. */
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

/** The level that all listeners have heard of: a call that was cut off is made again by the next one. */
let heard = 'off';

function setLevel(level) {
  if (level === settings.level && level === heard) return;
  settings.level = level;
  for (const listener of listeners) listener(level, heard);
  heard = level;
}

/** `listener(level, before)` is called when the level changes, and at once where it is not 'off' now. */
function onLevel(listener) {
  listeners.push(listener);
  if (settings.level !== 'off') listener(settings.level, 'off');
}

/** All is checked before anything changes. */
function configure(options) {
  if (options === undefined) throw typeError('options', 'an object', options);
  const { level = settings.level, ...others } = check.options(options, readers);
  Object.assign(settings, others);
  setLevel(level);
}

/** Where RALLOC_DEBUG is not set, a developer hears of misuse by chance. NODE_ENV has to say that it is one: where it says nothing may be production. */
function levelOfEnvironment() {
  const word = variable('RALLOC_DEBUG');
  if (word === undefined) return variable('NODE_ENV') === 'development' ? 'sample' : 'off';
  if (Object.hasOwn(WORDS, word)) return WORDS[word];
  throw argumentError(
    RangeError,
    `RALLOC_DEBUG must be 'off' (or '0', 'false'), 'sample' or 'full' (or '1', 'true'). Received '${word}'`,
  );
}

/** Once all listeners are there. */
const start = () => setLevel(levelOfEnvironment());

const isOn = () => settings.level !== 'off';

/** `what`: a call, 'verify()'. */
function checkOn(what) {
  if (isOn()) return;
  throw new RallocError(
    'ERR_RALLOC_UNSUPPORTED',
    `${what} needs debug mode: set RALLOC_DEBUG=full, or call configureDebug({ level: 'full' }) first`,
  );
}

module.exports = { LEVELS, checkOn, configure, isOn, onLevel, settings, start };
