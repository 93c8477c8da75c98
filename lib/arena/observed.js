'use strict';

// The methods of Arena that hand out Buffers, while somebody observes.

const { observing } = require('../base/observer.js');
const { BY_ANOTHER, Ways } = require('../memory/ways.js');
const { Arena } = require('./arena.js');
const copy = require('./copy.js');

const allocUnsafe = (original) =>
  function allocUnsafe(size) {
    const buffer = observing.observer.allocating(this, size, false, allocUnsafe);
    return buffer ?? original.call(this, size);
  };

const alloc = (original) =>
  function alloc(size, value, encoding) {
    if (value !== undefined) return original.call(this, size, value, encoding); // by allocUnsafe()
    const buffer = observing.observer.allocating(this, size, true, alloc);
    return buffer ?? original.call(this, size);
  };

/** By allocUnsafe(), whatever the value: no text is written into the window. */
const from = () =>
  function from(value, encoding, length) {
    return copy.from(this, value, encoding, length);
  };

const adopt = (original) =>
  function adopt(buffer) {
    const adopted = original.call(this, buffer);
    observing.observer.adopted(this, adopted, adopt);
    return adopted;
  };

/** Of what reads a stream: the Buffer, or the list of them, is there later. */
const reading = (original) =>
  function read(...args) {
    const promise = Reflect.apply(original, this, args);
    observing.observer.reading(this, promise, read);
    return promise;
  };

const ways = new Ways(Arena.prototype, {
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

module.exports = { ways };
