'use strict';

// Replaces functions for a time, for the profiler and debug mode, and puts them back.

const { attempt } = require('./attempt.js');
const { itemOf } = require('./item-of.js');
const { dress } = require('./wrap.js');

const originals = new WeakMap(); // wrapper -> the function that it replaced
const over = new WeakSet(); // wrappers that have ended: a test's spy may still call one, or restore it

/** The function below all patches that have ended. */
const withoutOver = (method) => (over.has(method) ? withoutOver(originals.get(method)) : method);

/** The function that a wrapper replaced; undefined for any other function. */
const originalOf = (method) => originals.get(method);

class Patches {
  // Weak: if the classes of a copy of ralloc are unreachable, nothing needs to be restored; test
  // runners evaluate one copy for each file.
  #owners = []; // { owner, name }, in the order of the replacements
  #before = new WeakMap(); // owner -> name -> { before: a descriptor, or undefined, wrapper }

  /**
   * Replaces the method `name` of `object` by make(original), which looks like it. If `object`
   * inherits the method, it gets its own. Returns false if there is no such method, or it cannot be
   * replaced because it is frozen or behind a getter.
   */
  method(object, name, make) {
    const original = withoutOver(object?.[name]);
    if (typeof original !== 'function') return false;
    const wrapper = dress(make(original), original);
    originals.set(wrapper, original);
    return this.value(object, name, wrapper);
  }

  /**
   * Replaces or adds the property `name` of `object`. Returns false if that is not possible: frozen
   * intrinsics are accessors.
   */
  value(object, name, wrapper) {
    const before = Object.getOwnPropertyDescriptor(object, name);
    if (before !== undefined && !('value' in before)) return false;
    const shape = before ?? { writable: true, enumerable: false, configurable: true };
    if (!Reflect.defineProperty(object, name, { __proto__: null, ...shape, value: wrapper }))
      return false;
    const ofOwner = itemOf(this.#before, object, () => new Map());
    const first = ofOwner.get(name) ?? { before };
    ofOwner.set(name, { before: first.before, wrapper });
    this.#owners.push({ owner: new WeakRef(object), name });
    return true;
  }

  /**
   * Restores the functions that were not replaced again since. A patch that cannot be removed only
   * calls the function that it replaced. If it is found again later, for example after a spy over
   * it was removed, the next patch replaces that function instead.
   */
  restore() {
    for (const { owner, name } of this.#owners.splice(0).reverse()) {
      const object = owner.deref();
      // It may be a Proxy, or the application has replaced a function that this needs.
      if (object !== undefined) attempt(() => this.#restore(object, name));
    }
    this.#before = new WeakMap();
  }

  #restore(object, name) {
    const { before, wrapper } = this.#before.get(object).get(name);
    if (originals.has(wrapper)) over.add(wrapper);
    if (Object.getOwnPropertyDescriptor(object, name)?.value !== wrapper) return;
    if (before === undefined) Reflect.deleteProperty(object, name);
    else
      Reflect.defineProperty(object, name, {
        __proto__: null,
        ...before,
        value: withoutOver(before.value),
      });
  }
}

module.exports = { Patches, originalOf };
