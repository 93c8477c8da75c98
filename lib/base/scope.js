'use strict';

const { RallocError } = require('./errors.js');

/**
 * Calls fn(open()), then leave(result) once: when fn returns or throws, or when the promise that it
 * returned settles. leave() returns whether the result escapes, for which an error with the text
 * `escaped` is thrown. If fn throws too, its error is thrown.
 *
 * At a stack overflow leave() can throw too; it has then changed nothing, or can be called again.
 * It is added to the list `owner.unfinished`, for the owner's next call, by assignments alone:
 * calls would throw as well, and so can object literals. Without an `owner` it is not repeated.
 */
function runScope(fn, open, leave, owner, escaped) {
  const end = { finish: leave, next: null };
  let result;
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
    try {
      leave(undefined);
    } catch {
      if (owner !== null) {
        end.next = owner.unfinished;
        owner.unfinished = end;
      }
    }
    throw error;
  }
  try {
    escapes = leave(result);
  } catch (error) {
    if (owner !== null) {
      end.next = owner.unfinished;
      owner.unfinished = end;
    }
    throw error;
  }
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
