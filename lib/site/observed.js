'use strict';

// Replaces the methods of sites and of perRequest that hand out Buffers while an observer is on
// (base/observer.js).

const { BY_ANOTHER, ObservedMethods } = require('../memory/observed-methods.js');
const { BufferLike } = require('./buffer-like.js');
const { perRequest } = require('./per-request.js');
const { Site } = require('./site.js');

/**
 * Always asks the arena: otherwise these methods cut Buffers out of its window themselves, which
 * the observer would not see.
 */
const asking = () =>
  function allocUnsafe(size) {
    return BufferLike.prototype.allocUnsafe.call(this, size);
  };

const methods = {
  allocUnsafe: asking,
  alloc: BY_ANOTHER,
  from: BY_ANOTHER,
  concat: BY_ANOTHER,
};

const observed = [Site.prototype, Object.getPrototypeOf(perRequest)].map(
  (prototype) => new ObservedMethods(prototype, methods),
);

module.exports = { observed };
