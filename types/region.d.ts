// Regions: Buffers of any size that are freed one by one.

import type { Budget } from './budget.js';
import type { ArenaBuffer, Fill } from './buffer.js';
import type { GuardStats } from './hold.js';

/** A Buffer of a region; its `[Symbol.dispose]()` frees it, and does nothing after that. */
export type RegionBuffer = ArenaBuffer & Disposable;

export interface RegionOptions {
  /**
   * The most bytes at any time: of all chunks, free parts included, and of the records (32 bytes for each Buffer and each free span).
   * From what one chunk takes with its records (299,008 with the default `chunkSize`) to 2⁵³ - 1.
   * @default 67108864 (64 MiB)
   */
  maxBytes?: number | undefined;
  /**
   * Bytes of the largest chunk that Buffers share: from 16,384 to 2³⁰. The first chunk has 256 KiB, and each further one twice as
   * much. Buffers of 1 MiB or more, and those of `chunkSize` or more, have a chunk of their own, which takes up to a quarter more of the
   * limit: there are four sizes of chunks between two powers of two.
   * @default 16777216 (16 MiB)
   */
  chunkSize?: number | undefined;
  /**
   * Gives free memory back to the system, as `collect()` does, once a second if the event loop waited for 90 % of the second. It takes 4 ms at
   * most each time, but for the end of chunks that are free as a whole.
   * @default true
   */
  collectWhenIdle?: boolean | undefined;
  /**
   * Frees what nobody has any more when V8 collects its Buffer. Views that its `subarray()` and `slice()` made keep it; typed
   * arrays and DataViews over its `buffer` do not, nor what `Uint8Array.prototype.subarray.call(buffer)` makes. Brings `guard`.
   * At the limit V8 is asked for a collection, after which an allocation in a later turn succeeds. Allocations take some 1 µs more.
   * @default false
   */
  autoFree?: boolean | undefined;
  /**
   * Makes Node's operations hold the Buffers that they were given. Bytes that are freed while an operation uses them (fs,
   * streams and sockets, zlib, randomFill …) are handed out again when the operation is over. Node's functions are wrapped
   * once in a thread, for the first region, slab or arena that asks. `RALLOC_GUARD=off` leaves Node as it is.
   * @default what `autoFree` is
   */
  guard?: boolean | undefined;
  /** A name for `stats()` and `util.inspect()`. */
  name?: string | undefined;
  /**
   * A budget that is charged with all that counts toward `maxBytes`: `stats().taken`. If it is full, `ERR_RALLOC_LIMIT` names the budget; chunks that are free as a whole go back first.
   */
  budget?: Budget | undefined;
}

/**
 * `used + free = reserved`, and `reserved + metadata <= taken <= limit`: what `taken` has beside them are chunks that were given up and whose
 * ArrayBuffers V8 has not collected. All bytes are gauges.
 */
export interface RegionStats {
  name: string;
  backend: 'native' | 'js';
  /** False after `close()`. */
  live: boolean;
  /** Bytes: `maxBytes`. */
  limit: number;
  /** Bytes that count toward the limit: also of chunks that are given up while V8 has not collected their ArrayBuffer. */
  taken: number;
  /** Bytes of all chunks, but for the last 16 of those that Buffers share. */
  reserved: number;
  /** Bytes of records, and the last 16 of each chunk that Buffers share. */
  metadata: number;
  /**
   * Bytes of chunks and records that may take memory: all but pages that were never used, or given back by `collect()`, and are
   * still free. An upper estimate of RAM.
   */
  committed: number;
  /** Bytes of Buffers, rounded up to 16 each; of those with a chunk of their own all of the chunk. */
  used: number;
  /** Bytes of free spans. */
  free: number;
  /** Bytes of the largest free span. */
  largestFree: number;
  /** How scattered the free bytes are, from 0 (one span, or none) to 1: `1 - largestFree / free`. Spans end with their chunk. */
  fragmentation: number;
  /** Gauge: Buffers that are not freed, but those of length 0. */
  held: number;
  /** Gauge: Buffers that were freed while Node's operations used them, until the operations are over: see `guard`. */
  inFlight: number;
  /** Gauge: Buffers and free spans. */
  spans: number;
  /** Gauge: chunks. */
  chunks: number;
  /** Counter: frees that were errors. */
  refused: number;
  /** Counter: allocations that found no memory. */
  failed: number;
  /** Counter: bytes that `collect()` and `collectWhenIdle` gave back. */
  collected: number;
  /** What the guard has held. */
  guarded: GuardStats;
}

/** What `region.collect()` gave back. */
export interface RegionCollected {
  /** Chunks that were free as a whole, and are no more. */
  chunks: number;
  /** Bytes of them, and of free pages of other chunks. */
  bytes: number;
}

/**
 * Buffers of any size that live long and are freed one by one: the entries of a cache, sessions.
 *
 * **Free a Buffer only when you are done with it.** One with a chunk of its own has length 0 then. Others still show their
 * bytes, and later those of whoever gets them next. Without `guard`, an operation that is still in flight (fs, zlib, a socket's write)
 * would read or write these.
 *
 * Every method that allocates throws
 * - a TypeError or RangeError with code `ERR_RALLOC_INVALID_ARGUMENT` for a size that is not an integer from 0 to
 *   `buffer.constants.MAX_LENGTH`,
 * - `ERR_RALLOC_MAP` when the system refuses memory,
 * - `ERR_RALLOC_CLOSED` after `close()`,
 *
 * and nothing has changed then.
 */
export class Region implements Disposable {
  /** @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value, or a limit below one chunk. */
  constructor(options?: RegionOptions);

  /**
   * A Buffer of `size` bytes, zero-filled, or filled with `fill` as `Buffer.alloc` does. It begins at a multiple of 16 bytes.
   * @throws ERR_RALLOC_LIMIT: no free span is large enough, and `maxBytes` leaves no other chunk.
   */
  alloc(size: number, fill?: Fill, encoding?: BufferEncoding): RegionBuffer;
  /** The same, uninitialized: its bytes show what was there before. */
  allocUnsafe(size: number): RegionBuffer;
  /** As `alloc()`, but returns null where that would throw `ERR_RALLOC_LIMIT`. */
  tryAlloc(size: number, fill?: Fill, encoding?: BufferEncoding): RegionBuffer | null;
  /** The same, uninitialized: its bytes show what was there before. */
  tryAllocUnsafe(size: number): RegionBuffer | null;
  /**
   * Frees a Buffer that this region handed out. Null and undefined are ignored. The Buffer's own `[Symbol.dispose]()`
   * does the same the first time, and nothing after that.
   * @throws ERR_RALLOC_DOUBLE_FREE: it was freed.
   * @throws ERR_RALLOC_FOREIGN_BUFFER: it is of another region or of none, a view of a region's Buffer, or was transferred away.
   * @throws ERR_RALLOC_CLOSED: the region is.
   */
  free(buffer: Uint8Array | null | undefined): void;
  /** Whether `free(buffer)` would free it. */
  owns(buffer: unknown): boolean;
  /** The option `name`; empty without one. */
  readonly name: string;

  /**
   * Gives all free pages back to the system, and chunks that are free as a whole. Buffers stay where they are. It visits
   * each span, and makes a system call for each free one with a page that was in use: call it when the program is idle.
   * @throws ERR_RALLOC_CLOSED.
   */
  collect(): RegionCollected;
  /** Looks at each span: some 3 ns each. */
  stats(): RegionStats;
  /**
   * Releases the memory for good. The second call does nothing. Every Buffer then has length 0; with `guard`, those in a chunk
   * that operations use when these are over.
   * @throws ERR_RALLOC_IN_USE: Buffers are in use (`inUse`), and `force` is not true.
   */
  close(options?: { force?: boolean | undefined }): void;
  /** `close({ force: true })`. */
  [Symbol.dispose](): void;
}
