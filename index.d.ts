// The types of `ralloc`, and its reference: units, ranges, defaults, errors. A file of types/ has those of a noun, or of one of the package's other entry points.

// Gives `Express.Request` its `arena`.
import './types/express.js';

export * from './types/admission.js';
export * from './types/arena.js';
export * from './types/budget.js';
export * from './types/buffer.js';
export * from './types/debug.js';
export * from './types/errors.js';
export * from './types/flight.js';
export * from './types/hold.js';
export * from './types/memory.js';
export * from './types/metrics.js';
export * from './types/node.js';
export * from './types/profiler.js';
export * from './types/region.js';
export * from './types/request.js';
export * from './types/site.js';
export * from './types/slab.js';
export * from './types/stats.js';

/**
 * `'native'`: memory of the Rust core. `'js'`: V8's own, in worker threads and if no binary fits. Arenas have no `memory`
 * options there. Where no binary fits, a slab cannot be shared between threads or processes either. Both throw `ERR_RALLOC_UNSUPPORTED`.
 */
export const backend: 'native' | 'js';

/**
 * Why `backend` is `'js'`, in one line, with the command that installs a missing binary; undefined
 * if it is `'native'`.
 */
export const backendReason: string | undefined;

/** The version of the package. */
export const version: string;
