'use strict';

// Begins the recorder as RALLOC_FLIGHT_RECORDER says: the words of a switch, or a folder.

const fs = require('node:fs');
const path = require('node:path');
const process = require('node:process');
const { attempt } = require('../base/attempt.js');
const { SWITCH, variable, warnOfValue } = require('../base/environment.js');

const NAME = 'RALLOC_FLIGHT_RECORDER';

/** `ralloc why` in a container has the variables of the application, and is none. */
const isOurs = () => /^ralloc(\.js)?$/.test(path.basename(process.argv[1] ?? ''));

/**
 * The options of the recorder; undefined if it is off. `isDefault`: whether it is on if the
 * variable is not set.
 */
function optionsHere(isDefault) {
  const value = (variable(NAME) ?? '').trim();
  if (value === '') return isDefault ? {} : undefined;
  if (Object.hasOwn(SWITCH, value.toLowerCase()))
    return SWITCH[value.toLowerCase()] ? {} : undefined;
  if (/[\\/]/.test(value) || attempt(() => fs.statSync(value).isDirectory(), false))
    return { dir: path.resolve(value) };
  const words = Object.keys(SWITCH).map((word) => `'${word}'`);
  const why = `it takes ${words.join(', ')}, or a folder, with a slash if it is not there yet`;
  warnOfValue(NAME, value, why);
  return undefined;
}

/** Begins it, if it is on. Never throws. */
function beginHere({ isDefault = false } = {}) {
  const options = isOurs() ? undefined : optionsHere(isDefault);
  if (options !== undefined) require('./recorder.js').begin(options);
}

module.exports = { beginHere };
