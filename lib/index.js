'use strict';

// Table of contents.

const { Arena } = require('./arena/arena.js');
const { current } = require('./arena/current.js');
const { RallocError } = require('./base/errors.js');
const { configureDebug, leakReport, verify } = require('./debug/debug.js');
const { requestArena } = require('./express.js');
const { backend, backendReason } = require('./memory/native.js');
const { pump } = require('./memory/pump.js');
const { release } = require('./memory/release.js');
const { profiler } = require('./profiler.js');
const { sampleStats, stats } = require('./memory/stats.js');
const { Region } = require('./region/region.js');
const { perRequest } = require('./site/per-request.js');
const { loadTable, site } = require('./site/sites.js');
const { Slab } = require('./slab/slab.js');
const { slab } = require('./slab/default.js');
const { version } = require('../package.json');

module.exports = {
  Arena,
  RallocError,
  Region,
  Slab,
  backend,
  backendReason,
  configureDebug,
  current,
  leakReport,
  loadTable,
  perRequest,
  profiler,
  pump,
  release,
  requestArena,
  sampleStats,
  site,
  slab,
  stats,
  verify,
  version,
};
