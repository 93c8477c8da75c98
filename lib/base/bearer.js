'use strict';

/**
 * A subclass adds its private fields to the object that its constructor is called with, of whatever class: nobody sees them, and they cost less than a
 * WeakMap, which each collection must scan.
 */
class Bearer {
  constructor(object) {
    // biome-ignore lint/correctness/noConstructorReturn: the fields are the object's
    return object;
  }
}

module.exports = { Bearer };
