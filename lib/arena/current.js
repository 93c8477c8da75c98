'use strict';

// The arena of the request that the caller works for, whichever middleware gave it: for modules
// that do not know the middleware.

/**
 * The AsyncLocalStorages of open middlewares with the option `context`: mostly one. They store
 * contexts, `{ arena }`. A socket, timer or promise of a request keeps its context alive, perhaps
 * long after the request, so a context does not keep a finished request alive.
 */
const storages = [];

/**
 * The context of a request that another copy of ralloc began. That copy does not tell when the
 * request ends; until then, the request has its arena.
 */
class ForeignContext {
  #arena;

  constructor(arena) {
    this.#arena = new WeakRef(arena);
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

/**
 * Returns undefined outside of a request, after its response, and if no middleware has the option
 * `context`. Never throws.
 */
function current() {
  for (let i = 0; i < storages.length; i++) {
    const arena = storages[i].getStore()?.arena;
    if (arena !== undefined) return arena;
  }
  return undefined;
}

module.exports = { ForeignContext, current, leave, watch };
