'use strict';

const { RallocError } = require('./errors.js');

/**
 * Calls fn(open()), then leave(result) once: when fn returns or throws, or when the promise that it
 * returned settles. leave() returns whether the result escapes, for which an error with the text
 * `escaped` is thrown. If fn throws too, its error is thrown.
 *
 * At a stack overflow leave() can throw too. It is added to the list `owner.unfinished`, and a pool
 * is busy then (memory/chunk-pool.js), by assignments alone: calls would throw as well, and so can
 * object literals.
 */
function runScope(fn, open, leave, owner, escaped) {
  const end = { finish: leave, next: null };
  let result;
  let failure;
  let hasFailed = false;
  let escapes = false;
  try {
    result = fn(open());
    if (typeof result?.then === 'function') {
      return Promise.resolve(result).then(
        (value) => {
          if (leave(value)) throw new RallocError('ERR_RALLOC_ESCAPED', escaped);
          return value;
        },
        (error) => {
          leave(undefined);
          throw error;
        },
      );
    }
  } catch (error) {
    failure = error;
    hasFailed = true;
  }
  try {
    escapes = leave(result);
  } catch (error) {
    if (!hasFailed) failure = error;
    hasFailed = true;
    end.next = owner.unfinished;
    owner.unfinished = end;
    if (owner.isBusy === false) owner.isBusy = true;
  }
  if (hasFailed) throw failure;
  if (escapes) throw new RallocError('ERR_RALLOC_ESCAPED', escaped);
  return result;
}

/** Does the work in `owner.unfinished`. */
function finishScopes(owner) {
  while (owner.unfinished !== null) {
    const work = owner.unfinished;
    work.finish(undefined);
    owner.unfinished = work.next;
  }
}

module.exports = { runScope, finishScopes };
