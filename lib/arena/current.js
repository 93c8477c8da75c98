'use strict';

// The arena of the request that the caller works for, whichever middleware gave it: for modules that do not know the middleware.

const { ownerOf } = require('./arena.js');

/** Of the middlewares with the option `context`, until they are closed: one, in nearly all programs. */
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
    const arena = storages[i].getStore();
    if (arena !== undefined && ownerOf(arena)?.isOver !== true) return arena;
  }
  return undefined;
}

module.exports = { current, leave, watch };
