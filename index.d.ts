/// <reference types="node" />
/// <reference lib="esnext.disposable" />

import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * What becomes of Buffers when their memory is reset.
 *
 * - `'detach'` (default): every Buffer over it has length 0 from then on.
 * - `'gc'`: nothing is detached; memory is used again only after V8 has proved that no Buffer is left.
 *   Closes the hole of operations in flight, and costs garbage collection and floating memory.
 * - `'recycle'`: memory is used again at once and Buffers stay alive over it. The caller's responsibility.
 */
export type Safety = 'detach' | 'gc' | 'recycle';

/** `'native'`: memory of the Rust core. `'js'`: V8's own, in worker threads and where no binary fits. */
export const backend: 'native' | 'js';

/** What `Buffer.alloc` gives: `Buffer<ArrayBuffer>` where @types/node knows of that, else `Buffer`. */
export type ArenaBuffer = ReturnType<typeof Buffer.alloc>;

/** The version of the package. */
export const version: string;

export interface ArenaOptions {
  /**
   * The most bytes that all chunks of the arena may take: in use, warm, held or quarantined.
   * An integer >= 1.
   * @default 67108864 (64 MiB)
   */
  maxBytes?: number | undefined;
  /**
   * Bytes of the first chunk, an integer >= 4096 and <= `maxBytes`. Further chunks of an epoch double up
   * to 1 MiB; a request that is larger gets a chunk of its own.
   * @default 65536, or `maxBytes` where that is less
   */
  chunkSize?: number | undefined;
  /**
   * Every Buffer begins at a multiple of so many bytes: a power of two from 1 to 4096.
   * @default 8
   */
  align?: number | undefined;
  /** @default 'detach' */
  safety?: Safety | undefined;
  /**
   * Zeroes the bytes that were handed out when their memory is released.
   * @default false
   */
  wipe?: boolean | undefined;
  /** A name for `stats()` and `util.inspect()`. */
  name?: string | undefined;
  /**
   * Milliseconds that memory waits for a hold after its reset, an integer from 1 to 2³¹ − 1. Then it goes to
   * quarantine, with the warning `RALLOC_HOLD_EXPIRED`.
   * @default 30000
   */
  holdMs?: number | undefined;
  /** Memory of a special kind, from the system. Native only. */
  memory?: MemoryOptions | undefined;
}

/**
 * What an arena asks of its memory. What the system does not have is `ERR_RALLOC_UNSUPPORTED`, as on the
 * JavaScript backend; what it refuses is `ERR_RALLOC_MAP` with its `syscall` and `errno`: from the
 * constructor, which tries a little of such memory, or from the allocation that could not have more of it.
 */
export interface MemoryOptions {
  /**
   * Chunks in huge pages, and so multiples of 2 MiB, which save misses of the TLB. `maxBytes` must be 2 MiB
   * at least.
   *
   * - `'advise'`: transparent huge pages, as many as the kernel finds.
   * - `'prefer'`: pages of the system's pool of huge pages, or transparent ones where it has none to give;
   *   `chunks()` tells which.
   * - `'require'`: pages of the pool, or an error.
   */
  hugePages?: 'advise' | 'prefer' | 'require' | undefined;
  /** Memory that is never swapped out (mlock), within the process's `RLIMIT_MEMLOCK`. */
  lock?: boolean | undefined;
  /** Memory of this NUMA node only (mbind; on Windows a preference), an integer >= 0. */
  numaNode?: number | undefined;
  /**
   * Memory that is there before it is used, so that no first touch takes a page fault.
   *
   * What is locked, prefaulted or of required huge pages is not given back in idle times: only by `shrink()`
   * and `close()`, and then when V8 has collected what was over it.
   */
  prefault?: boolean | undefined;
}

/** Where an arena stood; spent by its rewind. */
export interface Checkpoint {
  readonly [checkpoint]: true;
}
declare const checkpoint: unique symbol;

/** Keeps an epoch's memory as it is. */
export interface Hold extends Disposable {
  /** Gives the hold up; the second call does nothing. */
  release(): void;
}

/** What an arena draws its spans from. Gauges in bytes, unless said otherwise. */
export interface MemoryStats {
  /** `maxBytes`. */
  limit: number;
  /** All that counts toward the limit: the sum of `leased`, `warm`, `held`, `quarantined`, `stolen` and `limbo`. */
  used: number;
  /** The most that `used` ever was. */
  peak: number;
  /** In spans that arenas have. */
  leased: number;
  /** In spans that wait, detached, for the next arena, and in what no span was cut from yet. */
  warm: number;
  /** In chunks that were reset while something held them. */
  held: number;
  /** In chunks that come back when V8 has collected the Buffers over them. */
  quarantined: number;
  /** In chunks whose ArrayBuffer somebody took. */
  stolen: number;
  /** In chunks that are detached and wait for their finalizers. */
  limbo: number;
  /** Address space of the chunks. */
  reserved: number;
  /** What of it may take memory: all but chunks in limbo that idle trimming emptied. */
  committed: number;
  /** What of it is in RAM now. On the JavaScript backend as `committed`: only V8 knows. */
  resident: number;
  /** Gauge, a number of chunks. */
  chunks: number;
  /** Gauge, a number of ArrayBuffers whose finalizer has not run. */
  pins: number;
  /** Counter: leases that took a used chunk. */
  recycled: number;
  /** Counter: leases that mapped a fresh chunk. */
  mapped: number;
}

export interface ArenaStats {
  name: string;
  backend: 'native' | 'js';
  safety: Safety;
  /** Bytes: `maxBytes`, or `maxBytesPerRequest` for the arena of a request. */
  limit: number;
  /** Whether it was neither closed nor released. */
  live: boolean;
  /** Gauge, bytes: handed out in this epoch, with the padding between, by the arena and its scopes. */
  allocated: number;
  /** Gauge: spans of this epoch, with those of its scopes. */
  spans: number;
  /** Gauge: scopes that have not ended. */
  scopes: number;
  /** Gauge: holds of this epoch that are not released. */
  holds: number;
  /** Counter. */
  resets: number;
  /** The memory behind it; all requests of one middleware share theirs. */
  memory: MemoryStats;
}

export interface ChunkStats {
  /** Bytes. */
  size: number;
  state: 'leased' | 'held' | 'quarantined' | 'stolen' | 'limbo';
  /** Leased spans that it is cut into. */
  spans: number;
  /** ArrayBuffers over it whose finalizer has not run. */
  pins: number;
  /** Bytes of address space: `size` rounded up. */
  reserved: number;
  /** Bytes of it that may take memory: 0 in limbo once it was emptied, when it counts no more toward the limit. */
  committed: number;
  /** Bytes of it that are in RAM now. */
  resident: number;
  /** `'transparent'`: the kernel was advised; `'explicit'`: of the system's pool of huge pages. */
  hugePages: 'none' | 'transparent' | 'explicit';
}

/** Chunks between two arenas. */
export interface DepotStats {
  /** Gauge, a number of chunks. */
  chunks: number;
  /** Gauge, bytes: their address space. */
  reserved: number;
  /** Gauge, bytes: what of it may take memory; idle trimming gives it back. */
  committed: number;
  /** Counter: chunks that were taken from here. */
  hits: number;
  /** Counter: chunks that were not here and had to be made. */
  misses: number;
  /** Gauge: `hits / (hits + misses)`, and 0 before the first. */
  hitRate: number;
  /** Counter: chunks given back to the system, half a minute or more after their last use. */
  unmapped: number;
}

export interface Stats {
  backend: 'native' | 'js';
  depot: DepotStats;
}

/** What all arenas of the process share (of the thread, on the JavaScript backend). */
export function stats(): Stats;

export type TypedArrayConstructor =
  | Int8ArrayConstructor
  | Uint8ArrayConstructor
  | Uint8ClampedArrayConstructor
  | Int16ArrayConstructor
  | Uint16ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | BigInt64ArrayConstructor
  | BigUint64ArrayConstructor;

/** What `Buffer.from` takes, ArrayBuffers by copy. */
export type BytesLike =
  | Uint8Array
  | ArrayBuffer
  | SharedArrayBuffer
  | ArrayLike<number>
  | { type: 'Buffer'; data: readonly number[] }
  | { valueOf(): string | ArrayBuffer | SharedArrayBuffer | ArrayLike<number> }
  | { [Symbol.toPrimitive](hint: 'string'): string };

/**
 * Memory that is freed all at once. Every Buffer it gives is one of Node's own, and dies (length 0) with
 * `reset()`, `rewind()`, the end of its `scope()`, or `close()`.
 *
 * **An operation that was handed to the kernel, the thread pool or another stream (fs, zlib, a write to
 * another socket) and is still in flight then may read or write memory that is in use again, unless a
 * `hold()` covers it or `safety` is `'gc'`.**
 *
 * Every method that allocates throws
 * - a TypeError or RangeError with code `ERR_RALLOC_INVALID_ARGUMENT` for a size that is not an integer >= 0,
 * - `ERR_RALLOC_LIMIT` when `maxBytes` does not allow it,
 * - `ERR_RALLOC_MAP` when the system refuses memory,
 * - `ERR_RALLOC_CLOSED` after `close()` or the end of the scope,
 *
 * and nothing has changed then.
 */
export class Arena implements Disposable {
  /**
   * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
   * @throws ERR_RALLOC_UNSUPPORTED, ERR_RALLOC_MAP: `memory` that cannot be had.
   */
  constructor(options?: ArenaOptions);

  /** A zero-filled Buffer of `size` bytes. */
  alloc(size: number): ArenaBuffer;
  /** A Buffer of `size` bytes that show whatever was in the memory before. */
  allocUnsafe(size: number): ArenaBuffer;
  /** As `Buffer.from(string, encoding)`. */
  from(value: string, encoding?: BufferEncoding): ArenaBuffer;
  /** As `Buffer.from(value)`; an ArrayBuffer is copied. */
  from(value: BytesLike): ArenaBuffer;
  /** As `Buffer.concat`: `length` bytes, cut or zero-filled; the sum of the lengths by default. */
  concat(list: readonly Uint8Array[], length?: number): ArenaBuffer;
  /** A zero-filled typed array of `length` elements: `arena.array(Float64Array, 100)`. */
  array<T extends TypedArrayConstructor>(Type: T, length: number): InstanceType<T>;

  /** Remembers where the arena stands. Costs nothing until the next allocation, which opens a span of its own. */
  checkpoint(): Checkpoint;
  /**
   * Releases everything that was allocated since; Buffers from before keep their bytes. Later checkpoints
   * are spent with it.
   * @throws ERR_RALLOC_STALE_CHECKPOINT: spent, rewound past, reset, or of another arena.
   */
  rewind(checkpoint: Checkpoint): void;
  /**
   * Calls `fn` with an arena that is charged to this one's limit, and releases it when `fn` returns, throws,
   * or its promise settles. Scopes may overlap and end in any order; a reset or close here ends them all.
   * @throws ERR_RALLOC_ESCAPED: the result is a Buffer of the scope. Return `copyOut(buffer)`.
   */
  scope<T>(fn: (arena: Arena) => T): T;
  /** Releases everything, with all checkpoints and scopes. O(1) in the number of Buffers. */
  reset(): void;
  /** Makes room for `bytes` bytes, so that allocations up to there take no new chunk. */
  reserve(bytes: number): void;
  /** Gives warm chunks back to the system. */
  shrink(): void;
  /**
   * Releases everything for good; the second call does nothing.
   * @throws ERR_RALLOC_UNSUPPORTED: a request's arena is closed by its response.
   */
  close(): void;
  [Symbol.dispose](): void;

  /** Keeps all memory of this epoch as it is over a reset, until released (or `holdMs` later). */
  hold(): Hold;
  /** The same until `promise` settles. Returns that very promise; its rejection stays as handled as it was. */
  hold<T extends PromiseLike<unknown>>(promise: T): T;
  /** A copy on V8's heap, which no reset touches. */
  copyOut(buffer: ArrayBufferView): ArenaBuffer;
  /** Whether the bytes of `buffer` are of this arena's current epoch, or of a scope's. */
  owns(buffer: unknown): boolean;
  stats(): ArenaStats;
  chunks(): ChunkStats[];
}

export interface RequestArenaOptions {
  /**
   * The most bytes that one request may take, an integer >= 4096 and <= `maxBytes`. Beyond it allocations
   * throw `ERR_RALLOC_LIMIT`.
   * @default 16777216 (16 MiB), or `maxBytes` where that is less
   */
  maxBytesPerRequest?: number | undefined;
  /**
   * The most bytes that all requests together may take: leased, warm, held or quarantined. Beyond it
   * requests get heap Buffers, counted in `stats()`.
   * @default 256 MiB or an eighth of the memory that the process may use, whichever is less
   */
  maxBytes?: number | undefined;
  /**
   * Bytes of unfinished responses that may wait for the garbage collector before new requests get heap
   * Buffers.
   * @default a quarter of `maxBytes`
   */
  maxQuarantineBytes?: number | undefined;
  /**
   * The name of the request's property.
   * @default 'arena'
   */
  property?: string | undefined;
  /** @default 'detach' */
  safety?: Safety | undefined;
  /** @default false */
  wipe?: boolean | undefined;
  /** @default 30000 */
  holdMs?: number | undefined;
  /**
   * Makes `current()` work, by an AsyncLocalStorage.
   * @default false
   */
  context?: boolean | undefined;
}

export interface RequestArenaStats {
  /** Counter: requests that began. */
  requests: number;
  /** Gauge: requests whose response is not over. */
  inFlight: number;
  /** Counter: responses that were sent to their end. */
  finished: number;
  /** Counter: responses that were not. */
  aborted: number;
  /** Counter: requests that were served from the heap, in part or whole. */
  heapRequests: number;
  /** Counter: heap Buffers of those requests. */
  heapBuffers: number;
  /** Counter, bytes. */
  heapBytes: number;
  /** Counter: Buffers allocated after the end of their request, from the heap. */
  lateBuffers: number;
  /** Counter, bytes. */
  lateBytes: number;
  /** Gauge, bytes: the chunk that a request gets first, adapted to what requests use. */
  chunkSize: number;
  memory: MemoryStats;
}

/** A middleware that gives every request an arena, for Express 4 and 5, connect, and node:http. */
export interface RequestArena {
  (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void): void;
  stats(): RequestArenaStats;
  /** The arena of the request that the caller works for; needs `context: true`. */
  current(): Arena | undefined;
  /** Serves new requests from the heap; resolves when the last of the others is over. */
  close(): Promise<void>;
}

/**
 * Makes the middleware. The arena is `req.arena` (see `property`) and is released when the response is
 * over; what a handler allocates after that comes from the heap.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
 */
export function requestArena(options?: RequestArenaOptions): RequestArena;

export type RallocErrorCode =
  | 'ERR_RALLOC_LIMIT'
  | 'ERR_RALLOC_MAP'
  | 'ERR_RALLOC_CLOSED'
  | 'ERR_RALLOC_STALE_CHECKPOINT'
  | 'ERR_RALLOC_ESCAPED'
  | 'ERR_RALLOC_UNSUPPORTED'
  | 'ERR_RALLOC_CORRUPTED';

/** Every error but those of arguments, which are TypeErrors and RangeErrors with `ERR_RALLOC_INVALID_ARGUMENT`. */
export class RallocError extends Error {
  private constructor();
  readonly code: RallocErrorCode;
  /** LIMIT, MAP: bytes asked for. */
  readonly requested?: number;
  /** LIMIT: bytes that are allowed. */
  readonly limit?: number;
  /** LIMIT: bytes that are in use. */
  readonly used?: number;
  /** LIMIT: the option to raise. */
  readonly option?: string;
  /** MAP: the system call that failed. */
  readonly syscall?: string;
  /** MAP: its error number, and name. */
  readonly errno?: number;
  readonly errnoCode?: string;
}

declare global {
  namespace Express {
    interface Request {
      /** This request's arena, where `app.use(ralloc.requestArena())` is in place. */
      arena: Arena;
    }
  }
}
