'use strict';

// The arena of the request that the caller works for, whichever middleware gave it: for modules that do not know the middleware.

/**
 * Of the middlewares with the option `context`, until they are closed: one, in nearly all programs. They store contexts: `{ arena }`. A socket, a timer
 * or a promise that a request made keeps its context for as long as it lives itself, so a context never keeps a request that is over.
 */
const storages = [];

/** The original WeakRef: an application may delete it later. */
const Reference = WeakRef;

/** Of a request that another copy of ralloc began, which does not tell when it is over. While it is not, the request has its arena. */
class ForeignContext {
  #arena;

  constructor(arena) {
    this.#arena = new Reference(arena);
  }

  get arena() {
    return this.#arena.deref();
  }
}

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
    const arena = storages[i].getStore()?.arena;
    if (arena !== undefined) return arena;
  }
  return undefined;
}

module.exports = { ForeignContext, current, leave, watch };
