'use strict';

// Patches ArrayBuffer and the typed arrays, if the option `typedArrays` is set: `new` then takes 2
// to 4 times as long. Node's own code has the originals, so what it allocates for Buffers is not
// counted twice.

const { isAnyArrayBuffer } = require('node:util').types;
const { countdown, sampled } = require('../sampling.js');

const ON_HEAP = 64; // shorter typed arrays are on V8's heap

const TYPED_ARRAYS = Object.getOwnPropertyNames(globalThis).filter((name) =>
  /^(?:Big)?(?:Ui|I)nt\d+(?:Clamped)?Array$|^Float\d+Array$/.test(name),
);

/** Replaces the constructor `name`. Statics, species and subclasses are those of the original. */
function seeing(original, name) {
  function construct(target, args, heir) {
    const made = Reflect.construct(target, args, heir === proxy ? target : heir);
    if (isAnyArrayBuffer(args[0])) return made;
    const bytes = made.byteLength;
    if (bytes <= ON_HEAP && name !== 'ArrayBuffer') return made;
    const left = countdown[0] - bytes;
    countdown[0] = left;
    if (left < 0) sampled(made, bytes, name, construct);
    return made;
  }
  const proxy = new Proxy(original, { construct });
  return proxy;
}

function patchTypedArrays(patches) {
  for (const name of ['ArrayBuffer', ...TYPED_ARRAYS]) {
    const original = globalThis[name];
    const proxy = seeing(original, name);
    // The first of these fails if intrinsics are frozen, and then nothing is patched.
    if (patches.value(original.prototype, 'constructor', proxy)) {
      patches.value(globalThis, name, proxy);
    }
  }
}

module.exports = { patchTypedArrays };
