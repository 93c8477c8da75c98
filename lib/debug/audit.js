'use strict';

// Audits an arena, region or slab, for debug mode and the tests. `core` is what opened() of an
// observer was called with (base/observer.js). It uses nothing of debug mode.

const { auditPool } = require('../memory/audit.js');
const { ChunkPool } = require('../memory/chunk-pool.js');
const { auditRegion } = require('../region/audit.js');
const { auditSlab } = require('../slab/audit.js');

const audits = {
  // The pool of a closed arena is no longer its own.
  arena: ({ pool }) => (pool instanceof ChunkPool ? auditPool(pool) : []),
  region: auditRegion,
  slab: auditSlab,
};

/** The findings about an arena, region or slab, in words; empty if all is well. */
const audit = (core, kind) =>
  audits[kind](core).map((what) => `${kind} '${core.settings.name}': ${what}`);

module.exports = { audit };
