'use strict';

// Table of contents. Everything is loaded by its first use: who only calls pump() has half a
// megabyte less on the heap, and so fewer major collections. At once only what keeps functions of
// Node's that an application may replace later.

const { current } = require('./arena/current.js');
const { RallocError } = require('./base/errors.js');
const { variable } = require('./base/environment.js');
const { exportLater, lazy } = require('./base/lazy.js');
const { version } = require('./base/version.js');
require('./base/runtime.js');
require('./base/time.js');
require('./base/views.js');

if (variable('RALLOC_DEBUG')) require('./debug/debug.js'); // sees what is allocated from the first Buffer on

const arenas = lazy(() => {
  require('node:worker_threads'); // for the first arena: where vm stops its load, the process ends
  return require('./arena/arena.js');
});
const allocators = lazy(() => ({
  ...require('./region/region.js'),
  ...require('./site/per-request.js'),
  ...require('./site/sites.js'),
  ...require('./slab/slab.js'),
}));
const metrics = lazy(() => ({
  ...require('./metrics/opentelemetry.js'),
  ...require('./metrics/prom-client.js'),
  ...require('./metrics/text.js'),
}));

module.exports = {
  Arena: undefined, // here and below: for `import`, Node finds the names of exports in this text
  Budget: undefined,
  RallocError,
  Region: undefined,
  Slab: undefined,
  adaptPoolSize: undefined,
  admission: undefined,
  backend: undefined,
  backendReason: undefined,
  collectMetrics: undefined,
  compressors: undefined,
  configureDebug: undefined,
  current,
  files: undefined,
  flightRecorder: undefined,
  leakReport: undefined,
  loadTable: undefined,
  metricsContentType: undefined,
  metricsText: undefined,
  observeMetrics: undefined,
  perRequest: undefined,
  previousExit: undefined,
  profiler: undefined,
  pump: undefined,
  readiness: undefined,
  release: undefined,
  requestArena: undefined,
  sampleStats: undefined,
  site: undefined,
  slab: undefined,
  stats: undefined,
  verify: undefined,
  version,
};

exportLater(module.exports, [
  [arenas, 'Arena'],
  [lazy(() => require('./admission/admission.js')), 'admission()'],
  [allocators, 'Region', 'Slab', 'loadTable()', 'perRequest', 'site', 'slab'],
  [lazy(() => require('./memory/native.js')), 'backend', 'backendReason'],
  [lazy(() => require('./budget/budget.js')), 'Budget'],
  [lazy(() => require('./node/compressors.js')), 'compressors()'],
  [lazy(() => require('./debug/debug.js')), 'configureDebug()', 'leakReport()', 'verify()'],
  [lazy(() => require('./node/files.js')), 'files()'],
  [lazy(() => require('./flight/recorder.js')), 'flightRecorder()', 'previousExit()'],
  [metrics, 'collectMetrics()', 'metricsContentType()', 'metricsText()', 'observeMetrics()'],
  [lazy(() => require('./express.js')), 'requestArena'],
  [lazy(() => require('./node/pool-size.js')), 'adaptPoolSize()'],
  [lazy(() => require('./profiler.js')), 'profiler'],
  [lazy(() => require('./node/pipe/pipeline.js')), 'pump()'],
  [lazy(() => require('./node/release.js')), 'release()'],
  [lazy(() => require('./process/stats.js')), 'readiness()', 'sampleStats()', 'stats()'],
]);
