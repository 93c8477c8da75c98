'use strict';

// Choices of random loads.

const { random } = require('./random.js');

/** A generator of pseudo-random numbers in [0, 1), the same at each run. */
function fractions(seed) {
  const next = random(seed);
  return () => next(2 ** 32) / 2 ** 32;
}

/** Fractions that fall evenly in [0, 1): of a hundred, ten are below 0.1, where chance might give three. */
function evenFractions(first) {
  let at = first;
  return () => {
    at = (at + 0.6180339887498949) % 1; // the golden ratio
    return at;
  };
}

module.exports = { evenFractions, fractions };
