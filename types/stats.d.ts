// What the whole process has.

import type { DepotStats } from './memory.js';
import type { BodyStats, CompressorStats, FileStats, StreamStats } from './node.js';

export interface Stats {
  backend: 'native' | 'js';
  depot: DepotStats;
  bodies: BodyStats;
  compressors: CompressorStats;
  files: FileStats;
  streams: StreamStats;
}

/**
 * The memory that all arenas of the process share (with `backend` `'js'`, of the thread), and what ralloc did with Node's memory in this thread.
 */
export function stats(): Stats;

/**
 * Went: call `stats()` at an interval.
 * @deprecated
 * @throws ERR_RALLOC_UNSUPPORTED: always.
 */
export function sampleStats(): never;
