'use strict';

// Registers the classes that allocate Buffers, for a profiler of any copy of ralloc in this thread
// that runs or begins later.

const { kProfiler, kShown } = require('./protocol.js');

/**
 * `source`: what the profile calls them. The list keeps no copy in memory: test runners evaluate
 * one for each file.
 */
function showAllocator(source, prototype) {
  const shown = (globalThis[kShown] ?? []).filter((one) => one.prototype.deref() !== undefined);
  shown.push({ source, prototype: new WeakRef(prototype) });
  Object.defineProperty(globalThis, kShown, { value: shown, configurable: true });
  globalThis[kProfiler]?.show(source, prototype);
}

module.exports = { showAllocator };
