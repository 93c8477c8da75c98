'use strict';

/**
 * Adds private fields to an existing object. A subclass declares them; its constructor is called
 * with the object, of whatever class. Nobody else sees them, and they cost less than a WeakMap,
 * which each collection must scan.
 */
class PrivateFields {
  constructor(object) {
    // biome-ignore lint/correctness/noConstructorReturn: the fields are the object's
    return object;
  }
}

module.exports = { PrivateFields };
