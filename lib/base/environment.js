'use strict';

// Reads variables of the environment.

const process = require('node:process');
const { rangeError } = require('./errors.js');

/** A variable of the environment. Undefined in Deno without --allow-env, which forbids reading it. */
function variable(name) {
  try {
    return process.env[name];
  } catch {
    return undefined;
  }
}

/** Whether a variable is 'on'; undefined if it is not set. Throws ERR_RALLOC_INVALID_ARGUMENT for other values. */
function isOn(name) {
  const value = variable(name) ?? '';
  if (!['', 'on', 'off'].includes(value)) throw rangeError(name, "'on' or 'off'", value);
  return value === '' ? undefined : value === 'on';
}

/** Whether a variable is 'off'. */
const isOff = (name) => isOn(name) === false;

module.exports = { isOff, isOn, variable };
