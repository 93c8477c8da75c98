'use strict';

// Replaces functions for a time, for the profiler and debug mode, and puts them back.

const { dress } = require('./wrap.js');

/** The original WeakRef: an application may delete it later. */
const Reference = WeakRef;

const originals = new WeakMap(); // of wrappers
const over = new WeakSet(); // wrappers whose time is over: one may still stand below a spy, or be brought back by it

/** The function below all patches that have ended. */
const withoutOver = (method) => (over.has(method) ? withoutOver(originals.get(method)) : method);

/** What stands below a wrapper of the profiler's; undefined for any other function. */
const originalOf = (method) => originals.get(method);

class Patches {
  // Weak: of the classes of a copy of ralloc that nobody has any more nothing is to be put back, and test runners evaluate one for each file.
  #owners = []; // { owner, name }, in the order of the replacements
  #before = new WeakMap(); // owner → name → { before: a descriptor, or undefined, wrapper }

  /**
   * Replaces the method `name` of `object` by make(original), which looks like it; where `object` inherits the method it gets one of its own. False where it has
   * none, or where it cannot be replaced: it is frozen, or behind a getter.
   */
  method(object, name, make) {
    const original = withoutOver(object?.[name]);
    if (typeof original !== 'function') return false;
    const wrapper = dress(make(original), original);
    originals.set(wrapper, original);
    return this.value(object, name, wrapper);
  }

  /** Replaces or adds the property `name` of `object`. Returns false if that is not possible: frozen intrinsics are accessors. */
  value(object, name, wrapper) {
    const before = Object.getOwnPropertyDescriptor(object, name);
    if (before !== undefined && !('value' in before)) return false;
    const shape = before ?? { writable: true, enumerable: false, configurable: true };
    if (!Reflect.defineProperty(object, name, { ...shape, value: wrapper })) return false;
    this.#note(object, name, { before, wrapper });
    return true;
  }

  #note(object, name, replacement) {
    let ofOwner = this.#before.get(object);
    if (ofOwner === undefined) {
      ofOwner = new Map();
      this.#before.set(object, ofOwner);
    }
    const { before } = ofOwner.get(name) ?? replacement;
    ofOwner.set(name, { ...replacement, before });
    this.#owners.push({ owner: new Reference(object), name });
  }

  /**
   * Restores what nobody has replaced since. A patch that cannot be restored only calls what it replaced; if it shows up again later, as after a spy
   * over it was removed, the next patch replaces what it had replaced.
   */
  restore() {
    for (const { owner, name } of this.#owners.splice(0).reverse()) {
      const object = owner.deref();
      if (object === undefined) continue;
      try {
        this.#restore(object, name);
      } catch {
        // A Proxy, or an application that has replaced what this needs: it is to go on.
      }
    }
    this.#before = new WeakMap();
  }

  #restore(object, name) {
    const { before, wrapper } = this.#before.get(object).get(name);
    if (originals.has(wrapper)) over.add(wrapper);
    if (Object.getOwnPropertyDescriptor(object, name)?.value !== wrapper) return;
    if (before === undefined) Reflect.deleteProperty(object, name);
    else Reflect.defineProperty(object, name, { ...before, value: withoutOver(before.value) });
  }
}

module.exports = { Patches, originalOf };
