'use strict';

// Patches functions whose results Node's bindings allocate: random bytes, digests, keys, signatures and ciphers of node:crypto, v8.serialize(), transcode().

const { isArrayBuffer } = require('node:util').types;
const { begun, countdown, finished, sampled, sampledChunk } = require('../sampling.js');

const { isView } = ArrayBuffer;

/** Keys and signatures are at most this long. */
const MOST = 16 * 1024;

const isMemory = (made) => isView(made) || isArrayBuffer(made);

/** Counts what the function `below` returns, if it is memory: some return texts. */
function see(made, source, below) {
  if (isMemory(made)) {
    const left = countdown[0] - made.byteLength;
    countdown[0] = left;
    if (left < 0) sampled(made, made.byteLength, source, below);
  }
  return made;
}

/** Wraps a function that returns its result. */
const resultingOf = (source) => (original) =>
  function result(...args) {
    return see(Reflect.apply(original, this, args), source, result);
  };

const resulting = resultingOf('crypto');

/** Wraps a function whose callback may get the result. Whether that is a sample is decided before the call, with the stack of the call. */
const callingBack = (original) =>
  function result(...args) {
    const callback = args.at(-1);
    if (typeof callback !== 'function') {
      return see(Reflect.apply(original, this, args), 'crypto', result);
    }
    const most = args.reduce(
      (sum, one) => (typeof one === 'number' && one > sum ? one : sum),
      MOST,
    );
    const ticket = begun(most, result);
    if (ticket === undefined) return Reflect.apply(original, this, args);
    args[args.length - 1] = function done(...results) {
      const [, made] = results;
      if (isMemory(made)) finished(ticket, made, made.byteLength, 'crypto');
      return Reflect.apply(callback, this, results);
    };
    return Reflect.apply(original, this, args);
  };

const SYNC = [
  ...['hash', 'pbkdf2Sync', 'hkdfSync', 'scryptSync'],
  ...['publicEncrypt', 'publicDecrypt', 'privateEncrypt', 'privateDecrypt'],
];
const BOTH = ['randomBytes', 'pbkdf2', 'hkdf', 'scrypt', 'sign', 'diffieHellman'];

/** Wraps push() of a stream whose chunks a binding allocates. */
const pushing = (original) =>
  function pushed(chunk, encoding) {
    if (isView(chunk)) {
      const left = countdown[0] - chunk.byteLength;
      countdown[0] = left;
      if (left < 0) sampledChunk(chunk, chunk.byteLength, 'crypto', this);
    }
    return original.call(this, chunk, encoding);
  };

function patchResults(patches) {
  patches.method(
    require('node:v8').Serializer.prototype,
    'releaseBuffer',
    resultingOf('v8.serialize'),
  );
  patches.method(require('node:buffer'), 'transcode', resultingOf('buffer.transcode'));
  let crypto;
  try {
    crypto = require('node:crypto');
  } catch {
    return; // Node was built without crypto
  }
  for (const name of SYNC) patches.method(crypto, name, resulting);
  for (const name of BOTH) patches.method(crypto, name, callingBack);
  patches.method(crypto.Sign.prototype, 'sign', resulting);
  for (const { prototype } of [crypto.Hash, crypto.Hmac]) {
    patches.method(prototype, 'digest', resulting);
  }
  for (const { prototype } of [crypto.Cipheriv, crypto.Decipheriv]) {
    patches.method(prototype, 'update', resulting);
    patches.method(prototype, 'final', resulting);
    patches.method(prototype, 'push', pushing);
  }
}

module.exports = { patchResults };
