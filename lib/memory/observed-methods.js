'use strict';

// Replaces methods of a class while an observer is on: `observing.observer` (base/observer.js) is
// set before observe(). A check in the plain methods would cost every Buffer. Replacing them on the
// prototype covers existing objects too. The replacements call the observer:
//
//   picks()                               -> whether what is allocated now is told. Where it is:
//   allocating(arena, size, zero, below) -> a Buffer in the place of the one that the arena is
//   asked for, or undefined adopted(arena, buffer, below) adopt() returns it reading(arena,
//   promise, below) body(), chunks() or collect() returns that allocated(of, buffer, bytes, below)
//   -> a Buffer in the place of one of a slab or region, or itself
//
// `below`: the method, which the application has called. `of`: 'slab' or 'region' as its `kind`,
// with the coreOf() and watch() of its buffer.js. `bytes`: what is in it: 'zeros', 'unsafe', or of
// a token what was 'sent'.

const { observing } = require('../base/observer.js');
const { Patches } = require('../base/patches.js');

/** For a method that returns the Buffer of another method in the list. */
const BY_ANOTHER = null;

class ObservedMethods {
  #patches = null;

  /** `methods`: name -> make(original), or BY_ANOTHER; all methods that hand out a Buffer. */
  constructor(prototype, methods) {
    this.prototype = prototype;
    this.methods = methods;
  }

  observe() {
    if (this.#patches !== null) return;
    this.#patches = new Patches();
    for (const [name, make] of Object.entries(this.methods))
      if (make !== BY_ANOTHER) this.#patches.method(this.prototype, name, make);
  }

  leave() {
    this.#patches?.restore();
    this.#patches = null;
  }
}

const allocating = (of, bytes) => (original) =>
  function allocate(size, fill, encoding) {
    const { observer } = observing;
    const isFilled = bytes === 'zeros' && fill !== undefined; // alloc() with a fill calls allocUnsafe()
    if (isFilled || !observer.picks()) return original.call(this, size, fill, encoding);
    const buffer = original.call(this, size, fill, encoding);
    return buffer === null ? null : observer.allocated(of, buffer, bytes, allocate);
  };

/**
 * The methods that slabs and regions have in common. `of`: the first argument of the observer's
 * allocated().
 */
const allocatingAll = (of) => ({
  allocUnsafe: allocating(of, 'unsafe'),
  tryAllocUnsafe: allocating(of, 'unsafe'),
  alloc: allocating(of, 'zeros'),
  tryAlloc: allocating(of, 'zeros'),
});

module.exports = { BY_ANOTHER, ObservedMethods, allocatingAll };
