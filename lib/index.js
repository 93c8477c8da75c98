'use strict';

// Table of contents. What a mount does not need is loaded by its first use.

const { Arena } = require('./arena/arena.js');
const { current } = require('./arena/current.js');
const { RallocError } = require('./base/errors.js');
const { lazy } = require('./base/lazy.js');
const { configureDebug, leakReport, verify } = require('./debug/debug.js');
const { requestArena } = require('./express.js');
const { backend, backendReason } = require('./memory/native.js');
const { version } = require('../package.json');

const allocators = lazy(() => ({
  ...require('./region/region.js'),
  ...require('./site/per-request.js'),
  ...require('./site/sites.js'),
  ...require('./slab/default.js'),
  ...require('./slab/slab.js'),
}));
const memory = lazy(() => ({
  ...require('./memory/pump.js'),
  ...require('./memory/release.js'),
  ...require('./memory/stats.js'),
}));
const profiles = lazy(() => require('./profiler.js'));

const later = {
  get Region() {
    return allocators().Region;
  },
  get Slab() {
    return allocators().Slab;
  },
  get loadTable() {
    return allocators().loadTable;
  },
  get perRequest() {
    return allocators().perRequest;
  },
  get profiler() {
    return profiles().profiler;
  },
  get pump() {
    return memory().pump;
  },
  get release() {
    return memory().release;
  },
  get sampleStats() {
    return memory().sampleStats;
  },
  get site() {
    return allocators().site;
  },
  get slab() {
    return allocators().slab;
  },
  get stats() {
    return memory().stats;
  },
};

module.exports = {
  Arena,
  RallocError,
  Region: undefined, // here and below: for whom imports this file, Node finds the names in its text
  Slab: undefined,
  backend,
  backendReason,
  configureDebug,
  current,
  leakReport,
  loadTable: undefined,
  perRequest: undefined,
  profiler: undefined,
  pump: undefined,
  release: undefined,
  requestArena,
  sampleStats: undefined,
  site: undefined,
  slab: undefined,
  stats: undefined,
  verify,
  version,
};
Object.defineProperties(module.exports, Object.getOwnPropertyDescriptors(later));
