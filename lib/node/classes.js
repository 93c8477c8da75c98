'use strict';

// Of which of Node's classes a stream is.

const { isProxy } = require('node:util').types;

/**
 * Returns a function that finds the kind of a stream: that of the nearest class in its prototype
 * chain that is in the table. `kinds[name]()` returns `{ of: Class, ... }`, and is called for the
 * first stream of a class of that name, so that modules are loaded only when needed.
 */
function classTable(kinds) {
  const found = new Map();
  const kindNamed = (name) => {
    if (!Object.hasOwn(kinds, name)) return undefined;
    if (!found.has(name)) found.set(name, kinds[name]());
    return found.get(name);
  };
  return (stream) => {
    if (isProxy(stream)) return undefined;
    let prototype = Object.getPrototypeOf(stream);
    for (; prototype !== null; prototype = Object.getPrototypeOf(prototype)) {
      const name = prototype.constructor?.name;
      const kind = typeof name === 'string' ? kindNamed(name) : undefined;
      if (kind?.of.prototype === prototype) return kind;
    }
    return undefined;
  };
}

module.exports = { classTable };
