'use strict';

// crypto.randomFill() fills what it was given in the thread pool. The other asynchronous functions
// of crypto copy what they are given before they return.

const crypto = require('node:crypto');
const { begin, orEnd, readingBack } = require('./operation.js');
const { wrap } = require('../../base/wrap.js');

const makeRandomFill = (randomFill) =>
  function (...args) {
    const [target] = args;
    // randomFill() accepts an ArrayBuffer too.
    const end = begin(target instanceof ArrayBuffer ? new Uint8Array(target) : target, 'crypto');
    if (end === undefined) return Reflect.apply(randomFill, this, args);
    const at = args.findIndex((arg) => typeof arg === 'function');
    if (at !== -1) args[at] = readingBack(args[at], end);
    return orEnd(end, () => Reflect.apply(randomFill, this, args));
  };

function guardCrypto() {
  wrap(crypto, 'randomFill', makeRandomFill);
}

module.exports = { guardCrypto };
