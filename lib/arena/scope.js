'use strict';

// A scope runs a function with an arena of its own, and ends it when the function returns, throws, or its
// promise settles.

const { RallocError } = require('../base/errors.js');

/** Calls fn(child) and then leave(result) exactly once; an error of fn goes before one of leave. */
function runScope(fn, child, leave) {
  let result;
  let pending;
  try {
    result = fn(child);
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

const escapedError = () =>
  new RallocError(
    'ERR_RALLOC_ESCAPED',
    'The scope returned a Buffer of its own, which is dead now. Return copyOut(buffer), or allocate it from the outer arena',
  );

module.exports = { runScope, escapedError };
