'use strict';

// Replaces the methods of Arena that hand out Buffers while an observer is on (base/observer.js).

const { observing } = require('../base/observer.js');
const { BY_ANOTHER, ObservedMethods } = require('../memory/observed-methods.js');
const { Arena } = require('./arena.js');
const copy = require('./copy.js');

const allocUnsafe = (original) =>
  function allocUnsafe(size) {
    const { observer } = observing;
    if (!observer.picks()) return original.call(this, size);
    return observer.allocating(this, size, false, allocUnsafe) ?? original.call(this, size);
  };

const alloc = (original) =>
  function alloc(size, value, encoding) {
    const { observer } = observing;
    // With a fill value, alloc() calls allocUnsafe(), which is observed too.
    if (value !== undefined || !observer.picks()) return original.call(this, size, value, encoding);
    return observer.allocating(this, size, true, alloc) ?? original.call(this, size);
  };

/** For every kind of value: while observed, strings are not written directly into the window. */
const from = (original) =>
  function from(value, encoding, length) {
    const { observer } = observing;
    if (!observer.picks()) return original.call(this, value, encoding, length);
    const allocator = {
      allocUnsafe: (size) => observer.allocating(this, size, false, from) ?? this.allocUnsafe(size),
    };
    // `?? undefined` prevents a tail call: JavaScriptCore would drop this function's frame.
    return copy.from(allocator, value, encoding, length) ?? undefined;
  };

const adopt = (original) =>
  function adopt(buffer) {
    const { observer } = observing;
    if (!observer.picks()) return original.call(this, buffer);
    const adopted = original.call(this, buffer);
    observer.adopted(this, adopted, adopt);
    return adopted;
  };

/** For methods that read a stream and return a promise of a Buffer or of a list. */
const reading = (original) =>
  function read(...args) {
    const promise = Reflect.apply(original, this, args);
    const { observer } = observing;
    if (observer.picks()) observer.reading(this, promise, read);
    return promise;
  };

const observed = new ObservedMethods(Arena.prototype, {
  allocUnsafe,
  alloc,
  from,
  adopt,
  collect: reading,
  body: reading,
  chunks: reading,
  concat: BY_ANOTHER,
  array: BY_ANOTHER,
});

module.exports = { observed };
