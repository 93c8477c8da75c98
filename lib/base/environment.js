'use strict';

// Reads variables of the environment. A value that a variable does not take is told once and
// ignored: it keeps no server from starting.

const process = require('node:process');
const { attempt } = require('./attempt.js');
const { warnOnce } = require('./warnings.js');

const { nextTick } = process; // not that of fake timers

/** What every switch takes, in letters of any case. */
const SWITCH = {
  1: true,
  on: true,
  true: true,
  yes: true,
  0: false,
  off: false,
  false: false,
  no: false,
};

/**
 * A variable of the environment. Undefined in Deno without --allow-env, which forbids reading it.
 */
const variable = (name) => attempt(() => process.env[name]);

/**
 * Says that a value is ignored; `why`: what it could be. At the next tick: a module that reads a
 * variable while it loads must load no other (lazy.js).
 */
const warnOfValue = (name, value, why) =>
  nextTick(warnOnce, 'RALLOC_WRONG_VALUE', { name, value, why }, `RALLOC_WRONG_VALUE of ${name}`);

/**
 * What `values` has for `text`, the value of variable `name`; undefined if it is empty or none of
 * them.
 */
function readOne(text, name, values) {
  const word = (text ?? '').trim().toLowerCase();
  if (word === '') return undefined;
  if (Object.hasOwn(values, word)) return values[word];
  const words = Object.keys(values).map((one) => `'${one}'`);
  warnOfValue(name, text, `it takes ${words.slice(0, -1).join(', ')} or ${words.at(-1)}`);
  return undefined;
}

/** Whether `text`, the value of the switch `name`, is on; undefined if it is empty or wrong. */
const readSwitch = (text, name) => readOne(text, name, SWITCH);

/** Whether a switch is on; undefined if it is not set, or wrong. */
const isOn = (name) => readSwitch(variable(name), name);

/** Whether a switch is off. */
const isOff = (name) => isOn(name) === false;

let disabled;

/**
 * Whether `RALLOC_DISABLED` is on: the API stays, counts and limits, and its Buffers are those of
 * V8's heap. The same for all of a thread's life, since memory of both kinds in one slab would be
 * neither.
 */
function isDisabled() {
  disabled ??= isOn('RALLOC_DISABLED') === true;
  return disabled;
}

module.exports = { SWITCH, isDisabled, isOff, isOn, readOne, readSwitch, variable, warnOfValue };
