'use strict';

// The arenas of requests, of whichever copies of ralloc the application has: each tells of itself as its requestArena() is called (base/protocol.js).

const none = () => undefined;

class Arenas {
  #known = []; // current() of each copy
  #onMount;
  /** The least bytes that a request may have. */
  limit = Number.POSITIVE_INFINITY;

  /** `onMount(limit)`: of each requestArena(), with its bytes of a request. */
  constructor(onMount) {
    this.#onMount = onMount;
  }

  /** The arena of the request that the caller works for. */
  current = none;

  /** True: the requests are to have the option `context`, which current() needs. */
  mount(current, limit) {
    this.#onMount(limit);
    this.limit = Math.min(this.limit, limit);
    if (this.#known.includes(current)) return true;
    this.#known.push(current);
    const [first, ...others] = this.#known;
    this.current = others.length === 0 ? first : () => this.#any();
    return true;
  }

  #any() {
    for (const current of this.#known) {
      const arena = current();
      if (arena !== undefined) return arena;
    }
    return undefined;
  }
}

module.exports = { Arenas };
