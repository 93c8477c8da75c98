'use strict';

// Requests without an arena: those that the option `skip` leaves out, and those that nobody gave one by mistake.

const { RallocError, argumentError, received } = require('../base/errors.js');
const { kOfRequest } = require('../base/protocol.js');

/** What stands for the error of a request that is left out. */
const SKIPPED = Symbol('skipped');

/** SKIPPED or an error where a request gets no arena; `holder` is the framework's object of it. */
function askSkip(skip, holder) {
  let answer;
  try {
    answer = skip.call(undefined, holder);
  } catch (cause) {
    const error = argumentError(TypeError, 'The function "options.skip" threw: see the cause');
    return Object.assign(error, { cause });
  }
  if (answer === false) return undefined;
  if (answer === true) return SKIPPED;
  const message = `The function "options.skip" must return a boolean. ${received(answer)}`;
  return argumentError(TypeError, message);
}

/**
 * `value` if it is a request's arena; undefined of a request that was left out, as it may be where `maySkip`. `remedy`: for
 * those who forgot it.
 */
function requireArena(value, { property, maySkip }, remedy) {
  if (value?.[kOfRequest] === true) return value;
  if (maySkip) return undefined;
  throw new RallocError('ERR_RALLOC_UNSUPPORTED', `The request has no "${property}". ${remedy}`);
}

module.exports = { SKIPPED, askSkip, requireArena };
