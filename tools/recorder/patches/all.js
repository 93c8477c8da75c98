'use strict';

// Patches everything that a recorder replaces.

const { syncBuiltinESMExports } = require('node:module');
const { patchBuffers } = require('./buffers.js');
const { patchFiles } = require('./files.js');
const { patchModules } = require('./modules.js');
const { patchOwn } = require('./own.js');
const { patchRequests } = require('./requests.js');
const { patchResults } = require('./results.js');
const { patchSlices } = require('./slices.js');
const { patchStreams } = require('./streams.js');
const { patchTransfers } = require('./transfers.js');
const { patchTypedArrays } = require('./typed-arrays.js');

/** `shown`: the classes of ralloc that exist already. Returns show(source, prototype), to be called for later ones. */
function patchAll(patches, { requests, samples, parts, compiled, typedArrays, shown, onPost }) {
  patchBuffers(patches);
  patchSlices(patches, parts);
  patchStreams(patches, requests);
  patchRequests(patches, requests);
  patchTransfers(patches, samples, onPost);
  patchResults(patches);
  patchFiles(patches);
  patchModules(patches, compiled);
  if (typedArrays) patchTypedArrays(patches);
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

module.exports = { patchAll, restoreAll };
