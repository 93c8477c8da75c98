'use strict';

/**
 * Calls fn(resource) and then leave(result) exactly once: when fn returns or throws, or when the promise that
 * it returned settles. An error of fn goes before one of leave.
 */
function runScope(fn, resource, leave) {
  let result;
  let pending;
  try {
    result = fn(resource);
    pending = typeof result?.then === 'function';
  } catch (error) {
    leave(undefined);
    throw error;
  }
  if (!pending) return leave(result);
  return Promise.resolve(result).then(leave, (error) => {
    leave(undefined);
    throw error;
  });
}

module.exports = { runScope };
