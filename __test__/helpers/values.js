'use strict';

/** What is no number, and what is a number and none of bytes. */
const objects = [{}, [], [8], () => 8, { valueOf: () => 8 }, Object(8)];
const notNumbers = [undefined, null, '8', '', true, ...objects, 8n, Symbol('8')];
const notSizes = [Number.NaN, -1, -8, 0.5, 8.5, -Infinity, Infinity, 2 ** 53, 1e300, -(2 ** 31)];

/** An object that notes which of its properties are read. */
function noting(target) {
  const reads = [];
  const get = (own, key) => {
    reads.push(key);
    return own[key];
  };
  return { reads, noted: new Proxy(target, { get }) };
}

module.exports = { notNumbers, notSizes, noting };
