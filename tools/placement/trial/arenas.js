'use strict';

// The arenas of requests, of whichever copies of ralloc the application has: each tells of itself
// as its requestArena() is called (base/protocol.js).

const { kOfRequest, kShown } = require('../../../lib/base/protocol.js');
const { Patches } = require('../../../lib/base/patches.js');

const none = () => undefined;

class Arenas {
  #known = []; // current() of each copy
  #onMount;
  #onReset;
  #patched = []; // prototypes of the arenas of each copy

  /**
   * `onMount()` is called for each requestArena(), `onReset()` when the program ends Buffers of a
   * request before its response.
   */
  constructor(onMount, onReset) {
    this.#onMount = onMount;
    this.#onReset = onReset;
  }

  /** Returns the arena of the request that the caller works for. */
  current = none;

  /** Returns true: requests must have the option `context`, which current() needs. */
  mount(current) {
    this.#onMount();
    this.#watchResets();
    if (this.#known.includes(current)) return true;
    this.#known.push(current);
    const [first, ...others] = this.#known;
    this.current = others.length === 0 ? first : () => this.#any();
    return true;
  }

  #watchResets() {
    for (const { source, prototype: ref } of globalThis[kShown] ?? []) {
      const prototype = ref.deref();
      if (source !== 'arena' || prototype === undefined || this.#patched.includes(prototype))
        continue;
      this.#patched.push(prototype);
      for (const name of ['reset', 'rewind']) this.#watchMethod(prototype, name);
    }
  }

  #watchMethod(prototype, name) {
    const onReset = this.#onReset;
    new Patches().method(prototype, name, (original) => {
      return function watched(...args) {
        Reflect.apply(original, this, args);
        if (this[kOfRequest] === true) onReset();
      };
    });
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
