'use strict';

// Reads variables of the environment.

const process = require('node:process');
const { rangeError } = require('./errors.js');

/** A variable of the environment. Deno lets nobody read it without --allow-env: it is undefined there. */
function variable(name) {
  try {
    return process.env[name];
  } catch {
    return undefined;
  }
}

/** Whether a variable turns something on: undefined without it. Throws ERR_RALLOC_INVALID_ARGUMENT for what it cannot be. */
function isOn(name) {
  const value = variable(name) ?? '';
  if (!['', 'on', 'off'].includes(value)) throw rangeError(name, "'on' or 'off'", value);
  return value === '' ? undefined : value === 'on';
}

/** Whether a variable turns off what is on without it. */
const isOff = (name) => isOn(name) === false;

module.exports = { isOff, isOn, variable };
