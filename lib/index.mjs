// A thin wrapper: the classes are the CommonJS module's own.
import ralloc from './index.js';

export const {
  Arena,
  Budget,
  RallocError,
  Region,
  Slab,
  admission,
  backend,
  backendReason,
  collectMetrics,
  configureDebug,
  current,
  leakReport,
  loadTable,
  metricsContentType,
  metricsText,
  observeMetrics,
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
} = ralloc;
export default ralloc;
