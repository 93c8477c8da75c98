'use strict';

/**
 * A subclass gives its private fields to the object that its constructor is called with, of whatever class that is: nobody sees them, and they cost less than a
 * WeakMap of all of them, which each collection has to look through.
 */
class Bearer {
  constructor(object) {
    // biome-ignore lint/correctness/noConstructorReturn: the fields are the object's
    return object;
  }
}

module.exports = { Bearer };
