'use strict';

// Patches everything that a recorder replaces.

const { Module, syncBuiltinESMExports } = require('node:module');
const process = require('node:process');
const { attempt } = require('../../../lib/base/attempt.js');
const { lazy } = require('../../../lib/base/lazy.js');
const { DIED, TRANSFERRED } = require('../events.js').events;
const late = require('../late.js');
const { patchBuffers, patchSlices } = require('./buffers.js');
const { patchOwn } = require('./own.js');
const { patchResults } = require('./results.js');
const { patchStreams } = require('./streams.js');

const typed = lazy(() => require('./typed-arrays.js'));

/** The transfer list of a call, if reading it has no side effects. */
function listOf(options) {
  if (Array.isArray(options)) return [...options];
  if (options === null || typeof options !== 'object') return [];
  const list = Object.getOwnPropertyDescriptor(options, 'transfer')?.value;
  return Array.isArray(list) ? [...list] : [];
}

const knownOf = (options, samples) => listOf(options).filter((item) => samples.has(item));

function leave(list, samples) {
  for (const ab of list) if (ab.byteLength === 0) samples.leave(ab, TRANSFERRED);
}

/** Wraps a function whose second argument is, or has, a transfer list. */
const sending = (samples, first) => (original) =>
  function send(...args) {
    first?.();
    const list = args.length > 1 ? attempt(() => knownOf(args[1], samples)) : undefined;
    const result = Reflect.apply(original, this, args);
    if (list !== undefined) attempt(() => leave(list, samples));
    return result;
  };

/** Wraps transfer(), which frees the memory if its new length is 0. */
const moving = (samples) => (original) =>
  function move(...args) {
    const isKnown = attempt(() => samples.has(this));
    const moved = Reflect.apply(original, this, args);
    if (isKnown) attempt(() => samples.leave(this, moved.byteLength === 0 ? DIED : TRANSFERRED));
    return moved;
  };

/**
 * Patches the functions that move memory elsewhere. Otherwise the emptied ArrayBuffer's finalizer
 * would report the death of memory that lives on.
 */
function patchTransfers(patches, samples, onPost) {
  patches.method(ArrayBuffer.prototype, 'transfer', moving(samples));
  patches.method(ArrayBuffer.prototype, 'transferToFixedLength', moving(samples));
  late.whenLoaded('internal/worker/io', () => {
    const { MessagePort } = require('node:worker_threads');
    patches.method(MessagePort.prototype, 'postMessage', sending(samples, onPost));
  });
  patches.method(globalThis, 'structuredClone', sending(samples));
}

/** Wraps the function that loads modules of Node without a require(). */
const loading = (original) =>
  function getBuiltinModule(id) {
    const found = Reflect.apply(original, this, [id]);
    attempt(late.look);
    return found;
  };

/**
 * Patches _compile(), which gets the text of each CommonJS module as it runs, even if it was
 * compiled in memory; and the functions that register other loaders.
 */
function patchModules(patches, compiled) {
  patches.method(Module.prototype, '_compile', (original) => {
    return function _compile(content, file, ...others) {
      attempt(() => compiled.loaded(file, content));
      return Reflect.apply(original, this, [content, file, ...others]);
    };
  });
  for (const name of ['register', 'registerHooks']) {
    patches.method(Module, name, (original) => {
      return function register(...args) {
        compiled.isHooked = true;
        return Reflect.apply(original, this, args);
      };
    });
  }
}

/**
 * `shown`: the classes of ralloc that exist already. Returns show(source, prototype), to be called
 * for later ones.
 */
function patchAll(patches, { requests, samples, parts, compiled, typedArrays, shown, onPost }) {
  patchBuffers(patches);
  patchSlices(patches, parts);
  patchStreams(patches, requests);
  patchTransfers(patches, samples, onPost);
  patchResults(patches);
  patchModules(patches, compiled);
  patches.method(process, 'getBuiltinModule', loading);
  if (typedArrays) typed().patchTypedArrays(patches);
  const show = (source, prototype) => patchOwn(patches, samples, source, prototype);
  for (const { source, prototype } of shown) {
    const there = prototype.deref();
    if (there !== undefined) show(source, there);
  }
  syncBuiltinESMExports();
  return show;
}

function restoreAll(patches) {
  late.forget();
  patches.restore();
  syncBuiltinESMExports();
}

module.exports = { patchAll, restoreAll };
