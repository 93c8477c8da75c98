'use strict';

// Table of contents. What a mount does not need is loaded by its first use.

const { Arena } = require('./arena/arena.js');
const { current } = require('./arena/current.js');
const { RallocError } = require('./base/errors.js');
const { exportLater, lazy } = require('./base/lazy.js');
const { version } = require('./base/version.js');
const { configureDebug, leakReport, verify } = require('./debug/debug.js');
const { requestArena } = require('./express.js');
const { backend, backendReason } = require('./memory/native.js');

const allocators = lazy(() => ({
  ...require('./region/region.js'),
  ...require('./site/per-request.js'),
  ...require('./site/sites.js'),
  ...require('./slab/default.js'),
  ...require('./slab/slab.js'),
}));
const admissions = lazy(() => require('./admission/admission.js'));
const budgets = lazy(() => require('./budget/budget.js'));
const compressing = lazy(() => require('./node/compressors.js'));
const filing = lazy(() => require('./node/files.js'));
const memory = lazy(() => ({
  ...require('./node/pump.js'),
  ...require('./node/release.js'),
  ...require('./memory/stats.js'),
}));
const metrics = lazy(() => ({
  ...require('./metrics/opentelemetry.js'),
  ...require('./metrics/prom-client.js'),
  ...require('./metrics/text.js'),
}));
const profiles = lazy(() => require('./profiler.js'));

module.exports = {
  Arena,
  Budget: undefined, // here and below: for `import`, Node finds the names of exports in this text
  RallocError,
  Region: undefined,
  Slab: undefined,
  admission: undefined,
  backend,
  backendReason,
  collectMetrics: undefined,
  compressors: undefined,
  configureDebug,
  current,
  files: undefined,
  leakReport,
  loadTable: undefined,
  metricsContentType: undefined,
  metricsText: undefined,
  observeMetrics: undefined,
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

exportLater(
  module.exports,
  {
    Budget: budgets,
    Region: allocators,
    Slab: allocators,
    admission: admissions,
    collectMetrics: metrics,
    compressors: compressing,
    files: filing,
    loadTable: allocators,
    metricsContentType: metrics,
    metricsText: metrics,
    observeMetrics: metrics,
    perRequest: allocators,
    profiler: profiles,
    pump: memory,
    release: memory,
    sampleStats: memory,
    site: allocators,
    slab: allocators,
    stats: memory,
  },
  [
    ...['collectMetrics', 'metricsContentType', 'metricsText', 'observeMetrics'],
    ...['admission', 'compressors', 'files', 'loadTable', 'pump', 'release'],
    ...['sampleStats', 'stats'],
  ],
);
