// Arenas: memory that is freed all at once.

import type { Budget } from './budget.js';
import type { ArenaBuffer, BytesLike, Fill, TypedArrayConstructor } from './buffer.js';
import type { ExpiredStats, GuardStats, Hold } from './hold.js';
import type { ChunkStats, MemoryOptions, MemoryStats } from './memory.js';
import type { BodyOptions, ByteSource, CollectOptions } from './node.js';

/**
 * What happens to Buffers when their memory is reset.
 *
 * - `'detach'` (default): every Buffer over it has length 0 from then on.
 * - `'gc'`: nothing is detached; memory is used again only after V8 has collected every Buffer over
 *   it. Safe for operations in flight, at the cost of garbage collections and of memory that waits
 *   for them.
 * - `'recycle'`: memory is used again at once and Buffers stay alive over it, until it leaves the
 *   arena. The caller's responsibility.
 */
export type Safety = 'detach' | 'gc' | 'recycle';

export interface ArenaOptions {
  /**
   * The most bytes that all chunks of the arena may take: in use, kept for reuse (warm), held or
   * quarantined. An integer >= 1.
   * @default 67108864 (64 MiB)
   */
  maxBytes?: number | undefined;
  /**
   * Bytes of the first chunk, an integer >= 4096 and <= `maxBytes`. Further chunks between two
   * resets double in size up to 1 MiB; an allocation that is larger gets a chunk of its own.
   * @default 65536, or `maxBytes` if that is less
   */
  chunkSize?: number | undefined;
  /**
   * Every Buffer begins at a multiple of this many bytes: a power of two from 1 to 4096.
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
  /**
   * Makes Node's operations hold the Buffers that they are given. An operation that uses a Buffer
   * after its function has returned (fs, streams and sockets, zlib, randomFill …) keeps the memory
   * as it is until it is over, for at most `holdMs` after the reset. Node's functions are wrapped
   * once in a thread, for the first arena that asks. `RALLOC_GUARD=off` leaves Node as it is.
   * @default false
   */
  guard?: boolean | undefined;
  /** A name for errors, `stats()` and `util.inspect()`. */
  name?: string | undefined;
  /**
   * Milliseconds that memory waits after its reset for a hold, or for an operation that the guard
   * knows: an integer from 1 to 2³¹ − 1. Then it is quarantined, with the warning
   * `RALLOC_HOLD_EXPIRED` or `RALLOC_OPERATION_LONG`: it is not used again before V8 has collected
   * the Buffers over it.
   * @default 30000
   */
  holdMs?: number | undefined;
  /** Huge, locked, NUMA-local or prefaulted pages. Native only. */
  memory?: MemoryOptions | undefined;
  /**
   * A budget that is charged with everything that counts toward `maxBytes`, including warm, held
   * and quarantined memory. Warm memory goes back before the budget counts as full; then
   * `ERR_RALLOC_LIMIT` names it.
   */
  budget?: Budget | undefined;
}

/** A position in an arena. Valid until it is rewound to or past, or the arena is reset. */
export interface Checkpoint {
  readonly [checkpoint]: true;
}
declare const checkpoint: unique symbol;

export interface ArenaStats {
  /** The option `name`. Of a request's arena that of its middleware, or 'request'. */
  name: string;
  backend: 'native' | 'js';
  safety: Safety;
  /** Bytes: `maxBytes`, or `maxBytesPerRequest` for the arena of a request. */
  limit: number;
  /** False after `close()`, the end of its scope, or the end of its request. */
  live: boolean;
  /**
   * Gauge, bytes: handed out since the last reset, with the padding between, by the arena and its
   * scopes.
   */
  allocated: number;
  /**
   * Gauge, bytes: taken over by `adopt()` and `chunks()` since the last reset, by the arena and its
   * scopes.
   */
  adopted: number;
  /** Gauge: spans that were opened since the last reset, with those of its scopes. */
  spans: number;
  /** Gauge: scopes that have not ended. */
  scopes: number;
  /** Gauge: holds taken since the last reset that are not released. */
  holds: number;
  /** Counter. */
  resets: number;
  /** Whose memory has waited for `holdMs`. */
  expired: ExpiredStats;
  /**
   * Counter: calls that the end of the stack or `vm`'s `timeout` interrupted. What was in use then
   * is quarantined.
   */
  interrupted: number;
  /** What the guard has held: with `guard`, or of a request. */
  guarded: GuardStats;
  /** The memory behind it; all requests of one middleware share theirs. */
  memory: MemoryStats;
}

/**
 * Memory that is freed all at once. Every Buffer it hands out is one of Node's own, and is dead
 * (length 0) after `reset()`, `rewind()`, the end of its `scope()`, or `close()`.
 *
 * **An operation that is in flight at the reset must keep its memory.** With `guard`, Node's own
 * operations (fs, zlib, a write to a socket) do. Native addons, queues in user land, and functions
 * that were taken before the guard do not; without `guard` Node's own do not either. They lose,
 * send or overwrite bytes if they use a Buffer after its reset. Take a `hold()` for them, or give
 * them bytes that no reset touches: `copyOut()`, or an arena with `safety: 'gc'`.
 *
 * Every method that allocates throws
 * - a TypeError or RangeError with code `ERR_RALLOC_INVALID_ARGUMENT` for a size that is not an
 *   integer >= 0,
 * - `ERR_RALLOC_LIMIT` when `maxBytes` does not allow it,
 * - `ERR_RALLOC_MAP` when the system refuses memory,
 * - `ERR_RALLOC_CLOSED` after `close()` or the end of the scope,
 *
 * and nothing has changed then.
 */
export class Arena implements Disposable {
  /**
   * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
   * @throws ERR_RALLOC_UNSUPPORTED, ERR_RALLOC_MAP: the system does not have, or refuses, such
   *   `memory`.
   */
  constructor(options?: ArenaOptions);

  /** A Buffer of `size` bytes, zero-filled, or filled with `fill` as `Buffer.alloc` does. */
  alloc(size: number, fill?: Fill, encoding?: BufferEncoding): ArenaBuffer;
  /** A Buffer of `size` uninitialized bytes: they show what was in the memory before. */
  allocUnsafe(size: number): ArenaBuffer;
  /** As `Buffer.from(string, encoding)`. */
  from(value: string, encoding?: BufferEncoding): ArenaBuffer;
  /** As `Buffer.from(arrayBuffer, byteOffset, length)`, but a copy of these bytes. */
  from(value: ArrayBuffer | SharedArrayBuffer, byteOffset?: number, length?: number): ArenaBuffer;
  /** As `Buffer.from(value)`. */
  from(value: BytesLike): ArenaBuffer;
  /**
   * As `Buffer.concat`: `length` bytes, cut or zero-filled, by default the sum of the lengths. An
   * empty list gives an empty Buffer.
   */
  concat(list: readonly Uint8Array[], length?: number): ArenaBuffer;
  /**
   * A zero-filled typed array of `length` elements: `arena.array(Float64Array, 100)`. For a `Type`
   * of another context of `node:vm`, make a view over `alloc()`.
   */
  array<T extends TypedArrayConstructor>(Type: T, length: number): InstanceType<T>;
  /**
   * Reads `source` to its end, into one Buffer of this arena. Memory is leased as bytes arrive: at
   * most about ten times what came. Chunks of files, sockets, child processes and HTTP/1 are freed
   * behind the copy if nobody else can have them; all others are left to the garbage collector.
   *
   * When it rejects, the memory is back, and as with `stream.pipeline()` a Node stream was
   * destroyed, a web stream cancelled, or the iterator's `return()` called. A source that was
   * refused at the start is unchanged.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: `source` is no source, was read before, is locked, is in
   *   object mode or has an encoding; a chunk is no Uint8Array; or `options` are wrong.
   * @throws ERR_RALLOC_LIMIT: more bytes than `limit`, with `status` 413, or than the arena has
   *   room for.
   * @throws ERR_RALLOC_ABORTED: the stream was closed before its end. Errors of the source itself
   *   are passed on.
   * @throws ERR_RALLOC_DEAD_BUFFER: the arena was reset meanwhile.
   */
  collect(source: ByteSource, options?: CollectOptions): Promise<ArenaBuffer>;
  /**
   * Reads the body of this arena's request into one Buffer of the arena. Every call returns the
   * same promise, with the options of the first. Nobody may have read the body before: mount no
   * body parser for it.
   *
   * An announced body of at most 16 KiB is an ordinary Buffer on V8's heap, which outlives the
   * response. In the arena it is with `ralloc/test`, in debug mode, if NODE_ENV is `test`, with
   * `wipe` or `budget`, in a scope, and after a checkpoint.
   *
   * Over the limit it rejects at once. The rest is read and dropped, up to `drainBytes` and
   * `drainMs`; then the connection is closed.
   * @throws ERR_RALLOC_LIMIT: a larger body than `limit`, or than the request may have, with
   *   `status` 413.
   * @throws ERR_RALLOC_ABORTED: the client went away first, or the response was over, with `status`
   *   400 and Node's error as `cause`, if there was one.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: the body was read before or has an encoding, or `options`
   *   are wrong.
   * @throws ERR_RALLOC_DEAD_BUFFER: the response was over, or the arena reset, before the body had
   *   arrived.
   * @throws ERR_RALLOC_UNSUPPORTED: the arena belongs to no request.
   */
  body(options?: BodyOptions): Promise<ArenaBuffer>;
  /**
   * Reads the body into a list of chunks, in order, to hash, write or send them on without a copy.
   * Chunks of 16 KiB and more that nobody else can have are adopted, as by `adopt()`, and freed
   * with the response; all others are copied. The guard keeps them for Node's operations. **Take a
   * `hold()` for native addons, queues in user land, and with `guard: false`**: they would use
   * freed memory. Limits and errors are those of `body()`. A request can have one of the two; the
   * other rejects with `ERR_RALLOC_INVALID_ARGUMENT`.
   */
  chunks(options?: BodyOptions): Promise<ArenaBuffer[]>;
  /**
   * Takes over a Buffer that Node or the program allocated, without a copy, and returns it. From
   * then on the arena treats it as its own:
   * it counts toward the limit, holds and the guard keep it, and `reset()`, `rewind()`, the end of
   * its scope or `close()` end it. Its memory then goes back to the system's allocator at once, and
   * every view over its ArrayBuffer is dead.
   *
   * **This frees memory. Call it only when nothing else uses the Buffer.** The guard knows the
   * operations that begin after `adopt()`. An operation that began before it, an addon or a queue
   * in user land would use freed memory: wrong bytes, or a crash.
   *
   * Memory that cannot be taken over is copied: a part of an ArrayBuffer (Node's pool, a slice),
   * shared, resizable or untransferable memory, WebAssembly's, and memory of other arenas, of
   * scopes, and of slabs. A Buffer of this arena is returned as it is. Other views give a Buffer
   * over the same bytes. After an aborted response, an expired hold, and with `safety: 'gc'`, the
   * memory is left to V8 instead; with `'recycle'` the Buffer dies as with `'detach'`.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: not a view.
   * @throws ERR_RALLOC_LIMIT: the arena has no room for it. Nothing has changed.
   * @throws ERR_RALLOC_DEAD_BUFFER: its memory is gone, or it was freed.
   */
  adopt(buffer: NodeJS.ArrayBufferView): ArenaBuffer;

  /**
   * Marks the arena's position. Costs nothing until the next allocation, which opens a new span.
   */
  checkpoint(): Checkpoint;
  /**
   * Releases everything that was allocated since the checkpoint; Buffers from before keep their
   * bytes. This checkpoint and later ones are invalid then.
   * @throws ERR_RALLOC_STALE_CHECKPOINT: it was rewound to or past, is older than a reset, or
   *   belongs to another arena.
   */
  rewind(checkpoint: Checkpoint): void;
  /**
   * Calls `fn` with an arena that counts toward this one's limit. Releases it when `fn` returns or
   * throws, or when its promise settles. Scopes may overlap and end in any order. A reset or close
   * of this arena ends them all.
   * @throws ERR_RALLOC_ESCAPED: the result is a Buffer of the scope. Return `copyOut(buffer)`.
   */
  scope<T>(fn: (arena: Arena) => T): T;
  /** Releases everything, with all checkpoints and scopes. O(1) in the number of Buffers. */
  reset(): void;
  /** Makes room for `bytes` bytes, so that allocations up to there need no new chunk. */
  reserve(bytes: number): void;
  /** Returns warm chunks to the system. */
  shrink(): void;
  /** Releases everything for good; the second call does nothing. */
  close(): void;
  [Symbol.dispose](): void;

  /**
   * Keeps everything that is allocated between the last reset and the next, also over that reset,
   * until the hold is released (or for `holdMs`). With `guard`, Node's own operations need no hold.
   * Take one for native addons, queues in user land, a generator's future chunks, and functions
   * that were taken before the guard.
   */
  hold(): Hold;
  /**
   * As `promise.finally(() => hold.release())`. **Await what it returns**: it settles as `promise`
   * does, once the hold is released. If `promise` rejects, so does it, and if nobody handles that,
   * it is an unhandled rejection. `then` is read once and called once. In the arena of a request
   * whose response is over, it returns `promise` itself.
   */
  hold<T>(promise: PromiseLike<T>): Promise<T>;
  /**
   * A copy on V8's heap, which no reset touches.
   * @throws ERR_RALLOC_DEAD_BUFFER: the memory of `buffer` is gone, or it was freed. `from()` and
   *   `concat()` throw it too.
   */
  copyOut(buffer: ArrayBufferView): ArenaBuffer;
  /**
   * Whether `buffer` is over memory that this arena or one of its scopes has handed out since its
   * last reset. False for small bodies: see `body()`.
   */
  owns(buffer: unknown): boolean;
  stats(): ArenaStats;
  /** The chunks of its memory. */
  chunkStats(): ChunkStats[];
}

// biome-ignore lint/complexity/noUselessEmptyExport: a file of types without it exports all that it declares, `checkpoint` too
export {};
