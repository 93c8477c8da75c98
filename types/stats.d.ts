// What the whole process has.

import type { DepotStats } from './memory.js';
import type { BodyStats, CompressorStats, FileStats, PoolStats, StreamStats } from './node.js';

/** What waits in the process, or in this thread. One row for each kind, and for bodies one for each route. */
export interface InventoryRow {
  /**
   * - `'sockets'`, `'responses'`, `'requests'` (of clients), `'upgraded'`, `'http2'`, `'files'`, `'children'`: bytes in their write queues, which the other side has not taken. `upgraded`: connections after an upgrade, such as WebSockets, or CONNECT. A Buffer that waits in several queues counts in each.
   * - `'bodies'`: bytes of the bodies of requests whose response is not finished, which their handlers may have.
   * - `'zlib'`: bytes that open streams of `node:zlib` take outside of V8's heap, estimated, and those in their write queues.
   * - `'pool'`: blocks of Node's pool that small Buffers keep, of the latest 64 that `pool-size` of `ralloc/auto` has asked for. All of them are more.
   * - `'messages'`: what waits in ports of workers, which Node does not tell.
   */
  kind: string;
  /** Of bodies: the route's pattern if the framework tells it, as Express does, else the first segment of the path if that is a name: paths hold ids and tokens. `others`: of more than 24 routes. */
  route?: string;
  /** Objects that have bytes; undefined, as the next three, if it is not known. */
  count?: number;
  /** Their bytes. */
  bytes?: number;
  /** The most bytes of one object. */
  largest?: number;
  /** Milliseconds since an object was first found with bytes that still has some. A look is made once a second at most. */
  oldestMs?: number;
  /** Where the figure is from, or why it is not known. */
  source: string;
}

export interface Inventory {
  /** With the most bytes first. */
  rows: InventoryRow[];
  /** Whether there are more than 166 objects of a kind, so that a sample was looked at and the sums are estimates. */
  isSample: boolean;
}

/** A memory limit, by `RALLOC_MEMORY_LIMIT`. */
export interface LimitStats {
  /** Bytes. */
  limit: number;
  /** Bytes that cannot be given back at once: RSS, without what V8 and malloc keep free. */
  used: number;
  /** The most that `used` was, while bodies were in flight. */
  peak: number;
  /** Bytes of V8's heap in use, garbage included. */
  heap: number;
  /** The most that it may have. */
  heapLimit: number;
  /** Bytes that clients have not read yet, of all write queues. */
  unsent: number;
  /** Requests whose response is not over, with a body of more than 64 KiB or an unknown length. */
  bodies: number;
  /** Of them, bodies that are not read for now. */
  stopped: number;
  /** Of them, requests that wait for room. */
  waiting: number;
  /** What a byte of a body takes; undefined as long as it is not known. */
  share?: number;
  /** What it takes of V8's heap. */
  heapShare?: number;
  /** Requests with such a body that were let in, and that had to wait. */
  admitted: number;
  waited: number;
  /** How often a body was stopped. */
  stops: number;
  /** Bodies that were cut off, since they did not come on, and clients that did not read. */
  cut: number;
  clientsCut: number;
  /** Collections that were asked for. */
  collections: number;
  /** Requests that were answered with 413 or 503, by the status. */
  refused: { 413: number; 503: number };
}

export interface Stats {
  /** With a memory limit, once a server listens. */
  limit?: LimitStats;
  backend: 'native' | 'js';
  depot: DepotStats;
  bodies: BodyStats;
  compressors: CompressorStats;
  files: FileStats;
  pool: PoolStats;
  streams: StreamStats;
  /** The first call begins to watch, unless `ralloc/auto` or a recorder does, and finds what is made from then on. Files and streams of zlib are known with these two alone. */
  inventory: Inventory;
}

/**
 * The memory that all arenas of the process share (with `backend` `'js'`, of the thread), and what ralloc did with Node's memory in this thread.
 */
export function stats(): Stats;

/**
 * Whether this process should get more to do: false once it leaves, by `RALLOC_MEMORY_DRAIN`, because what is alive stays near its memory limit. `reason` says what that is.
 */
export function readiness(): { ready: boolean; reason?: string };

/**
 * Went: call `stats()` at an interval.
 * @deprecated
 * @throws ERR_RALLOC_UNSUPPORTED: always.
 */
export function sampleStats(): never;
