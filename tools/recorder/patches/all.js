'use strict';

// Patches everything that a recorder replaces.

const { Module, syncBuiltinESMExports } = require('node:module');
const { attempt } = require('../../../lib/base/attempt.js');
const { lazy } = require('../../../lib/base/lazy.js');
const { patchBuffers, patchSlices } = require('./buffers.js');
const { patchOwn } = require('./own.js');
const { patchResults } = require('./results.js');
const { patchDatagrams, patchStreams } = require('./streams.js');
const { patchTransfers } = require('./transfers.js');

const typed = lazy(() => require('./typed-arrays.js'));

/**
 * Patches Module.prototype._compile(), which gets the text of each CommonJS module as it runs, even if it was compiled in memory; and the functions that register other
 * loaders.
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

/** `shown`: the classes of ralloc that exist already. Returns show(source, prototype), to be called for later ones. */
function patchAll(patches, { requests, samples, parts, compiled, typedArrays, shown, onPost }) {
  patchBuffers(patches);
  patchSlices(patches, parts);
  patchStreams(patches, requests);
  patchTransfers(patches, samples, onPost);
  patchResults(patches);
  patchModules(patches, compiled);
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
  patches.restore();
  syncBuiltinESMExports();
}

module.exports = { patchAll, patchDatagrams, restoreAll };
