'use strict';

// The arena of the request that the caller works for, whichever middleware gave it: for modules that do not know the middleware.

/** Of the middlewares with the option `context`, until they are closed: one, in nearly all programs. They store `{ arena, isOver }`. */
const storages = [];

function watch(storage) {
  storages.push(storage);
}

function leave(storage) {
  const at = storages.indexOf(storage);
  if (at !== -1) storages.splice(at, 1);
}

/** Undefined outside of a request, after its response, and where no middleware has the option `context`: it never throws. */
function current() {
  for (let i = 0; i < storages.length; i++) {
    const request = storages[i].getStore();
    if (request !== undefined && !request.isOver) return request.arena;
  }
  return undefined;
}

module.exports = { current, leave, watch };
