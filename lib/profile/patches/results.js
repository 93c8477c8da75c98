'use strict';

// What Node's bindings make for node:crypto: random bytes, digests, and what a cipher gives.

const { countdown, sampled, sampledChunk } = require('../sampling.js');

const { isView } = ArrayBuffer;

/** In the place of a function that returns a Buffer, or a text. */
const resulting = (original) =>
  function result(...args) {
    const made = Reflect.apply(original, this, args);
    if (isView(made)) {
      const left = countdown[0] - made.byteLength;
      countdown[0] = left;
      if (left < 0) sampled(made, made.byteLength, 'crypto', result);
    }
    return made;
  };

/** In the place of push() of a stream that makes its chunks by a binding. */
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
  let crypto;
  try {
    crypto = require('node:crypto');
  } catch {
    return; // a Node without it
  }
  patches.method(crypto, 'randomBytes', resulting);
  patches.method(crypto, 'hash', resulting);
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
