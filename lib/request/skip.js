'use strict';

// Requests without an arena: those that the option `skip` leaves out, and those that nobody gave
// one by mistake.

const { RallocError, argumentError, received } = require('../base/errors.js');
const { kOfRequest } = require('../base/protocol.js');

/** Returned in place of an error for a request that `skip` leaves out. */
const SKIPPED = Symbol('skipped');

/**
 * Returns SKIPPED or an error if the request gets no arena; `holder` is the framework's object of
 * the request.
 */
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
 * Returns `value` if it is a request's arena, and undefined if the request was left out, which
 * `maySkip` allows. Throws otherwise, with `remedy` in the message.
 */
function requireArena(value, { property, maySkip }, remedy) {
  if (value?.[kOfRequest] === true) return value;
  if (maySkip) return undefined;
  throw new RallocError('ERR_RALLOC_UNSUPPORTED', `The request has no "${property}". ${remedy}`);
}

module.exports = { SKIPPED, askSkip, requireArena };
