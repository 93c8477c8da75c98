'use strict';

// Patches the functions that move memory elsewhere. Otherwise the finalizer of the emptied ArrayBuffer would report the death of memory that lives on.

const { MessagePort } = require('node:worker_threads');
const { attempt } = require('../../../lib/base/attempt.js');

/** The transfer list of a call, if reading it has no side effects. */
function listOf(options) {
  if (Array.isArray(options)) return [...options];
  if (options === null || typeof options !== 'object') return [];
  const list = Object.getOwnPropertyDescriptor(options, 'transfer')?.value;
  return Array.isArray(list) ? [...list] : [];
}

const knownOf = (options, samples) => listOf(options).filter((item) => samples.has(item));

function leave(list, samples) {
  for (const ab of list) if (ab.byteLength === 0) samples.transferred(ab);
}

/** Wraps a function whose second argument is, or has, a transfer list. Calls `first()` before it. */
const sending = (samples, first) => (original) =>
  function send(...args) {
    first?.();
    const list = args.length > 1 ? attempt(() => knownOf(args[1], samples)) : undefined;
    const result = Reflect.apply(original, this, args);
    if (list !== undefined) attempt(() => leave(list, samples));
    return result;
  };

/** transfer(0) frees the memory. */
function end(samples, ab, moved) {
  if (moved.byteLength === 0) samples.released(ab);
  else samples.transferred(ab);
}

const moving = (samples) => (original) =>
  function move(...args) {
    const isKnown = attempt(() => samples.has(this));
    const moved = Reflect.apply(original, this, args);
    if (isKnown) attempt(() => end(samples, this, moved));
    return moved;
  };

/** `onPost()` is called before a message is posted. */
function patchTransfers(patches, samples, onPost) {
  patches.method(ArrayBuffer.prototype, 'transfer', moving(samples));
  patches.method(ArrayBuffer.prototype, 'transferToFixedLength', moving(samples));
  patches.method(MessagePort.prototype, 'postMessage', sending(samples, onPost));
  patches.method(globalThis, 'structuredClone', sending(samples));
}

module.exports = { patchTransfers };
