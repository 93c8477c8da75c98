'use strict';

// Audits an arena, region or slab, for debug mode and the tests. `core` is what opened() of an observer was called with (base/observer.js). It uses nothing of
// debug mode.

const { auditPool } = require('../memory/audit.js');
const { ChunkPool } = require('../memory/chunk-pool.js');
const { auditRegion } = require('../region/audit.js');
const { auditSlab } = require('../slab/audit.js');

const audits = {
  // That of a closed arena is another one's, or nobody's.
  arena: ({ pool }) => (pool instanceof ChunkPool ? auditPool(pool) : []),
  region: auditRegion,
  slab: auditSlab,
};

/** What does not add up in a thing of this kind, in words: nothing, if all is well. */
const audit = (core, kind) =>
  audits[kind](core).map((what) => `${kind} '${core.settings.name}': ${what}`);

module.exports = { audit };
