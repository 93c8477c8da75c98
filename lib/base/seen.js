'use strict';

// Which classes of ralloc give out Buffers, for a profiler of any copy in this thread, that runs or begins later.

const { kProfiler, kShown } = require('./protocol.js');

/** `source`: what the profile calls them. */
function showProfiler(source, prototype) {
  const shown = globalThis[kShown] ?? [];
  shown.push({ source, prototype });
  if (shown.length === 1) Object.defineProperty(globalThis, kShown, { value: shown });
  globalThis[kProfiler]?.show(source, prototype);
}

module.exports = { showProfiler };
