/// <reference types="node" />
/// <reference lib="esnext.disposable" />

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Readable } from 'node:stream';

/**
 * What happens to Buffers when their memory is reset.
 *
 * - `'detach'` (default): every Buffer over it has length 0 from then on.
 * - `'gc'`: nothing is detached; memory is used again only after V8 has collected every Buffer over it. Safe
 *   for operations in flight; costs garbage collections, and memory that waits for them.
 * - `'recycle'`: memory is used again at once and Buffers stay alive over it, until it leaves the arena. The caller's responsibility.
 */
export type Safety = 'detach' | 'gc' | 'recycle';

/**
 * `'native'`: memory of the Rust core. `'js'`: V8's own, in worker threads and where no binary fits. Arenas have no `memory`
 * options there. Where no binary fits, a slab cannot be shared between threads or processes either. Both throw `ERR_RALLOC_UNSUPPORTED`.
 */
export const backend: 'native' | 'js';

/**
 * Why `backend` is `'js'`, in one line, with the command that installs the binary where one is missing; undefined
 * where it is `'native'`.
 */
export const backendReason: string | undefined;

/** What `Buffer.alloc` gives: `Buffer<ArrayBuffer>` where @types/node knows of that, else `Buffer`. */
export type ArenaBuffer = ReturnType<typeof Buffer.alloc>;

/** The version of the package. */
export const version: string;

export interface ArenaOptions {
  /**
   * The most bytes that all chunks of the arena may take: in use, kept for reuse (warm), held or quarantined.
   * An integer >= 1.
   * @default 67108864 (64 MiB)
   */
  maxBytes?: number | undefined;
  /**
   * Bytes of the first chunk, an integer >= 4096 and <= `maxBytes`. Further chunks between two resets
   * double in size up to 1 MiB; an allocation that is larger gets a chunk of its own.
   * @default 65536, or `maxBytes` where that is less
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
   * Makes Node's operations hold the Buffers that they were given. An operation that uses a Buffer after its function has
   * returned (fs, streams and sockets, zlib, randomFill …) keeps the memory as it is until it is over, for at most
   * `holdMs` after the reset. Node's functions are wrapped once in a thread, for the first arena that asks.
   * `RALLOC_GUARD=off` leaves Node as it is.
   * @default false
   */
  guard?: boolean | undefined;
  /** A name for `stats()` and `util.inspect()`. */
  name?: string | undefined;
  /**
   * Milliseconds that memory waits after its reset for a hold, or for an operation that the guard knows: an integer from 1
   * to 2³¹ − 1. Then it is quarantined, with the warning `RALLOC_HOLD_EXPIRED` or `RALLOC_OPERATION_LONG`: it is not used
   * again before V8 has collected the Buffers over it.
   * @default 30000
   */
  holdMs?: number | undefined;
  /** Huge, locked, NUMA-local or prefaulted pages. Native only. */
  memory?: MemoryOptions | undefined;
}

/**
 * What kind of pages an arena or slab uses. An option that the system does not have throws `ERR_RALLOC_UNSUPPORTED`, as
 * all of them do on the JavaScript backend. Memory that the system refuses throws `ERR_RALLOC_MAP`, with its `syscall` and
 * `errno`. The constructor tries a small piece of such memory and throws these errors; an allocation that cannot get more
 * throws them too.
 */
export interface MemoryOptions {
  /**
   * Chunks in huge pages, and so multiples of 2 MiB, for fewer TLB misses. `maxBytes` must be at least 2 MiB.
   *
   * - `'advise'`: transparent huge pages, as many as the kernel finds.
   * - `'prefer'`: pages of the system's pool of huge pages, or transparent ones where it has none to give;
   *   `chunkStats()` says which.
   * - `'require'`: pages of the pool, or an error.
   */
  hugePages?: 'advise' | 'prefer' | 'require' | undefined;
  /** Memory that is never swapped out (mlock), within the process's `RLIMIT_MEMLOCK`. */
  lock?: boolean | undefined;
  /** Memory of this NUMA node only (mbind; on Windows this is a preference), an integer >= 0. */
  numaNode?: number | undefined;
  /**
   * Pages that are faulted in before they are used, so that no first touch takes a page fault.
   *
   * Locked, prefaulted and required huge pages are not returned to the system when idle. `shrink()` and `close()` return
   * them, once V8 has collected the Buffers over them.
   */
  prefault?: boolean | undefined;
}

/** A position in an arena. Valid until it is rewound to or past, or the arena is reset. */
export interface Checkpoint {
  readonly [checkpoint]: true;
}
declare const checkpoint: unique symbol;

/** Keeps memory as it is over a reset; see `Arena.hold()`. */
export interface Hold extends Disposable {
  /** Releases the hold; the second call does nothing. */
  release(): void;
}

/**
 * The memory of an arena. It consists of chunks, and each chunk is cut into one or more spans. A span is the bytes of one
 * ArrayBuffer. The numbers are gauges in bytes, unless stated otherwise. docs/guide.md has a glossary of the words.
 */
export interface MemoryStats {
  /** `maxBytes`. */
  limit: number;
  /** Everything that counts toward the limit: the sum of `leased`, `warm`, `held`, `quarantined`, `stolen`, `limbo` and `adopted`. */
  used: number;
  /** The most that `used` ever was. */
  peak: number;
  /** In spans that arenas use: Buffers are handed out from them. */
  leased: number;
  /** Kept for the next allocations: in spans that are detached, and in bytes of chunks that no span was cut from yet. */
  warm: number;
  /** In chunks that were reset while something held them. */
  held: number;
  /** In chunks that are used again when V8 has collected the Buffers over them. */
  quarantined: number;
  /** In chunks whose ArrayBuffer was transferred away; they are never used again. */
  stolen: number;
  /** In chunks whose Buffers are dead, and which wait until V8 has collected their ArrayBuffers. */
  limbo: number;
  /** Of memory that `adopt()` and `chunks()` have taken over, also where something holds it after a reset. It is in no chunk. */
  adopted: number;
  /** Address space of the chunks. */
  reserved: number;
  /** The part of `reserved` that may be backed by memory: all but chunks in limbo that idle trimming emptied. */
  committed: number;
  /** The part of `reserved` that is in RAM now. The same as `committed` on the JavaScript backend: only V8 knows. */
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

/** Counters: holds, and operations of Node that the guard held, which were not over when their memory had waited for `holdMs`. */
export interface ExpiredStats {
  holds: number;
  operations: number;
}

export interface ArenaStats {
  name: string;
  backend: 'native' | 'js';
  safety: Safety;
  /** Bytes: `maxBytes`, or `maxBytesPerRequest` for the arena of a request. */
  limit: number;
  /** False after `close()`, the end of its scope, or the end of its request. */
  live: boolean;
  /** Gauge, bytes: handed out since the last reset, with the padding between, by the arena and its scopes. */
  allocated: number;
  /** Gauge, bytes: taken over by `adopt()` and `chunks()` since the last reset, by the arena and its scopes. */
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
  /** What the guard has held: with `guard`, or of a request. */
  guarded: GuardStats;
  /** The memory behind it; all requests of one middleware share theirs. */
  memory: MemoryStats;
}

export interface ChunkStats {
  /** Bytes. */
  size: number;
  state: 'leased' | 'held' | 'quarantined' | 'stolen' | 'limbo';
  /** Gauge: spans cut from it that are in use. */
  spans: number;
  /** ArrayBuffers over it whose finalizer has not run. */
  pins: number;
  /** Bytes of address space: `size` rounded up. */
  reserved: number;
  /** Bytes of it that may be backed by memory: 0 in limbo once it was emptied; then it no longer counts toward the limit. */
  committed: number;
  /** Bytes of it that are in RAM now. */
  resident: number;
  /** `'transparent'`: the kernel was advised; `'explicit'`: of the system's pool of huge pages. */
  hugePages: 'none' | 'transparent' | 'explicit';
}

/** Chunks that no arena uses, kept to be recycled. */
export interface DepotStats {
  /** Gauge, a number of chunks. */
  chunks: number;
  /** Gauge, bytes: their address space. */
  reserved: number;
  /** Gauge, bytes: the part of `reserved` that may be backed by memory; idle trimming returns it to the system. */
  committed: number;
  /**
   * Gauge, bytes: address space that JavaScript has seen and nothing uses. It takes no memory and is used again. It is not
   * given back before the process ends, because an operation in flight may still write there. 0 on the JavaScript backend.
   */
  retained: number;
  /** Counter: chunks that were recycled. */
  hits: number;
  /** Counter: chunks that had to be mapped, because none of that size was here. */
  misses: number;
  /** Gauge: `hits / (hits + misses)`, and 0 before the first. */
  hitRate: number;
  /** Counter: chunks whose addresses were given back to the system; on the native backend none ever is. */
  unmapped: number;
}

/** What became of memory that Node or the program allocated and that was to be released. Counters, in bytes, of this thread. */
export interface BodyStats {
  /**
   * Given back at once; of what was adopted, when its arena ended it. Of an answer that a client reads by `pump()` or `collect()` also what its socket has
   * read, of which the parser made the chunks.
   */
  released: number;
  /** Taken over by arenas without a copy: `adopt()`, `chunks()`. */
  adopted: number;
  /**
   * Copied into arenas by `collect()`, `body()`, `chunks()` and `adopt()`. What they did not release is in `left`. What was over a limit is not
   * copied, and counted as released or left.
   */
  copied: number;
  /** Left to the garbage collector, by the reason. */
  left: {
    /** The view is a part of its ArrayBuffer: of Node's pool, of a slice, of what HTTP/2 or TLS reads. */
    shared: number;
    /** Nobody may detach it: shared, resizable, untransferable, of WebAssembly. */
    bound: number;
    /** Within some milliseconds of the first call of `release()` on Node 20. */
    early: number;
    /** `collect()`, `body()`, `chunks()` and `pump()`: it is not known to be Node's own, or came before ralloc knew the stream. */
    foreign: number;
    /** The same: somebody else may have it, by a listener, a pipe or a method of his own. */
    seen: number;
    /** `pump()`: the callback of its write told of an error, or did not come. */
    unwritten: number;
    /** Adopted, and then left as it is: after a response that was not sent to its end, a hold that expired, with `safety: 'gc'`. */
    dropped: number;
    /** Not adopted, and given to the request as it is: after its response, or where the middleware has no memory left. */
    heap: number;
  };
  /** How many pipes between two streams of Node's `pump()` has made. */
  links: {
    /** From a source, and to a sink, that are known. */
    released: number;
    /** By `readable.pipe()`, without a release. */
    plain: number;
  };
}

export interface Stats {
  backend: 'native' | 'js';
  depot: DepotStats;
  bodies: BodyStats;
}

/**
 * What all arenas of the process share (of the thread, on the JavaScript backend), and what was released of other memory in this thread.
 */
export function stats(): Stats;

/** What `sampleStats()` can tell of by a name. */
export interface SampledOwner {
  stats(): ArenaStats | SlabStats | RegionStats | RequestArenaStats;
}

export interface SampleStatsOptions<Name extends string = string> {
  /**
   * Name → an arena, a slab, a region, or what `requestArena()` returned. They stay reachable until `stop()`.
   * @default {}
   */
  of?: Readonly<Record<Name, SampledOwner>> | undefined;
  /**
   * Samples that are kept, the last ones: 1 to 1,000,000. Each takes 1 KiB or so.
   * @default 3600
   */
  count?: number | undefined;
}

/** What an arena, a slab or a region had at one time. */
export interface SampledFigures {
  /** Bytes that were handed out; of a middleware the spans that its requests have. */
  readonly used: number;
  /** Bytes that may be backed by memory for them. */
  readonly committed: number;
  /** The part of `committed` that nobody used, 0 to 1: `1 - used / committed`. */
  readonly fragmentation: number;
  /** Pieces of memory: chunks; of a slab its `segments`. */
  readonly chunks: number;
  /** Bytes used of each piece, on average. The more, the closer to each other Buffers lie. */
  readonly perChunk: number;
}

export interface StatsSample<Name extends string = string> {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** What `stats()` told. */
  readonly stats: Stats;
  readonly of: Readonly<Record<Name, SampledFigures>>;
}

export interface StatsSeries<Name extends string = string> extends Disposable {
  /** A new list, the oldest first. */
  readonly samples: StatsSample<Name>[];
  /** No more samples from now on; those that are there stay. The second call does nothing. */
  stop(): void;
  [Symbol.dispose](): void;
}

/**
 * Takes a sample at once, and one each `intervalMs` from then on, until `stop()`. Its timer does not keep the process alive.
 * @param intervalMs - An integer from 1 to 2³¹ − 1.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an argument or option of the wrong name, type or value.
 */
export function sampleStats<Name extends string = never>(
  intervalMs: number,
  options?: SampleStatsOptions<Name>,
): StatsSeries<Name>;

/**
 * Gives the memory of a Buffer that Node or the program allocated back to the system's allocator at once, before a garbage
 * collection would. The Buffer and every other view over its ArrayBuffer are dead then: their length is 0.
 *
 * **It is a free.** An operation that still uses the memory (a write to a file or socket, zlib, `randomFill`, a native addon) reads or
 * writes freed memory: wrong bytes, or a crash. Release only what you alone have, after the last operation on it is over.
 *
 * @returns the bytes that were given back; 0 where that cannot be, and nothing has changed: the view is a part of its ArrayBuffer (Node's
 * pool, a slice), or nobody may detach that (a SharedArrayBuffer, WebAssembly's memory, a resizable or untransferable one), or it is
 * memory of an arena or a slab, or dead already. On Node 20 also in the turn of the event loop that calls it first.
 * @throws TypeError `ERR_RALLOC_INVALID_ARGUMENT`: not a view.
 */
export function release(buffer: NodeJS.ArrayBufferView): number;

/**
 * `pipeline()` of `node:stream/promises`, with its arguments, its result and its errors, which gives the memory of chunks back as soon as they are
 * written. A chunk is released in the callback of its write, if Node itself made it, nobody else can have it, and the stream that it is written to is
 * known to be done with it then:
 *
 * - from `fs.ReadStream`, `net.Socket`, `tls.TLSSocket`, the output of child processes, and messages of HTTP/1;
 * - to `net.Socket`, `tls.TLSSocket`, the input of child processes, `fs.WriteStream`, `http.ServerResponse`, `http.ClientRequest`, and the transforms of
 *   zlib and crypto.
 *
 * Each pipe between two streams decides for itself; all others are made by `readable.pipe()`, and release nothing.
 *
 * If it rejects, all streams that it was given are destroyed, but for the last one with `{ end: false }`. If one of them has gone before, such as a response
 * whose client has disconnected, it rejects with `ERR_STREAM_PREMATURE_CLOSE`.
 *
 * Do not call `read()` of a source meanwhile: what it returns is dead when it was written.
 */
export const pump: typeof import('node:stream/promises').pipeline;

export interface ProfilerOptions {
  /**
   * What to write. An earlier profile of this name is replaced; ERR_RALLOC_PROFILE_FOREIGN if it is any other file that is not
   * empty. By default `ralloc-DATE-TIME-PID.rprof` in the current folder, of a worker with its `threadId`.
   */
  file?: string;
  /** Appends to the file, which may be that of other threads and processes: all of them together are one profile. Default: false. */
  append?: boolean;
  /** How much of the thread's CPU time recording may take; > 0 and <= 1. The rate adapts to it. Default: 0.01, one percent. */
  budget?: number;
  /** The mean number of bytes between two samples, fixed; an integer >= 1 and <= 2^40. By default it adapts to the budget, from 32 KiB. */
  rate?: number;
  /** Also typed arrays and ArrayBuffers that the application makes, which makes `new` of them 2 to 4 times as slow. Default: false. */
  typedArrays?: boolean;
}

/**
 * Records which lines of the application allocate Buffers, and how long these live, in production; `ralloc report FILE` shows it.
 * During development `ralloc profile -- node app.js` records all threads and children from their start.
 */
export const profiler: {
  /**
   * Records this thread (others call it themselves). Appends to the file every 2 s; a process that is killed loses no more. Where
   * it cannot any more, as on a full disk, it stops, and emits the warning RALLOC_PROFILE_STOPPED.
   *
   * @returns the absolute name of the file
   * @throws ERR_RALLOC_PROFILE_RUNNING while this thread is recorded, also by `ralloc profile`; ERR_RALLOC_PROFILE_UNWRITABLE;
   * ERR_RALLOC_PROFILE_FOREIGN; ERR_RALLOC_INVALID_ARGUMENT
   */
  start(options?: ProfilerOptions): string;
  /**
   * Stops it, and puts Node's functions back. Tells apart what is alive by a garbage collection, which stops the event loop. The end of the
   * thread does the same.
   *
   * @returns the name of the file; undefined where nothing was being recorded
   */
  stop(): string | undefined;
};

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
  | BigUint64ArrayConstructor
  | (typeof globalThis extends { Float16Array: infer Float16 } ? Float16 : never);

/** What `Buffer.alloc` fills with. */
export type Fill = string | number | boolean | Uint8Array;

/** What `Arena.collect()` reads: a stream of Node's, a web stream, or anything else that `for await` can. */
export type ByteSource =
  | Readable
  | AsyncIterable<Uint8Array>
  | { getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> } };

export interface CollectOptions {
  /** The most bytes that the source may have, an integer >= 0. By default what the arena has room for. */
  limit?: number | undefined;
}

export interface BodyOptions {
  /**
   * The most bytes of the body, an integer >= 0.
   * @default 1048576 (1 MiB), or `maxBytesPerRequest` where that is less
   */
  limit?: number | undefined;
  /**
   * Bytes of a body over the limit that are still read, for nothing, so that the client gets the answer. Then the connection is closed.
   * @default 16777216 (16 MiB)
   */
  drainBytes?: number | undefined;
  /**
   * Milliseconds for the same, an integer from 0 to 2³¹ − 1.
   * @default 5000
   */
  drainMs?: number | undefined;
}

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
 * Memory that is freed all at once. Every Buffer it hands out is one of Node's own, and is dead (length 0) after
 * `reset()`, `rewind()`, the end of its `scope()`, or `close()`.
 *
 * **An operation that is in flight at the reset must keep its memory.** With `guard`, Node's own operations (fs, zlib, a
 * write to a socket) do. Native addons, queues in user land, and functions that were taken before the guard do not; without
 * `guard` Node's own do not either. They lose, send or overwrite bytes if they use a Buffer after its reset. Take a `hold()` for
 * them, or give them bytes that no reset touches: `copyOut()`, or an arena with `safety: 'gc'`.
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
   * As `Buffer.concat`: `length` bytes, cut or zero-filled, by default the sum of the lengths. An empty list gives an empty
   * Buffer.
   */
  concat(list: readonly Uint8Array[], length?: number): ArenaBuffer;
  /** A zero-filled typed array of `length` elements: `arena.array(Float64Array, 100)`. */
  array<T extends TypedArrayConstructor>(Type: T, length: number): InstanceType<T>;
  /**
   * Reads `source` to its end, into one Buffer of this arena. Memory is leased as bytes arrive: at most about ten times what came. Chunks
   * of requests over HTTP/1 are released behind the copy where nobody else can have them; all others are left to the garbage collector.
   *
   * It rejects, with the memory back at once. Then, as `stream.pipeline()` does, it has destroyed a stream of Node's, cancelled a
   * web stream, or called the iterator's `return()`. A source that was refused at the start is as it was.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: `source` is none, was read before, is locked, is in object mode or has an encoding; or a chunk is
   *   no Uint8Array; or `options`.
   * @throws ERR_RALLOC_LIMIT: more bytes than `limit`, with `status` 413, or than the arena has room for.
   * @throws ERR_RALLOC_ABORTED: the stream was closed before its end. Errors of the source itself are passed on.
   * @throws ERR_RALLOC_DEAD_BUFFER: the arena was reset meanwhile.
   */
  collect(source: ByteSource, options?: CollectOptions): Promise<ArenaBuffer>;
  /**
   * The body of the request that this arena is of, in one Buffer of the arena. Every call gives the same promise, with the
   * options of the first. It is for bodies that nobody has read: mount no body parser for them.
   *
   * Over the limit it rejects at once. What still comes is read and dropped, up to `drainBytes` and `drainMs`; then the connection is closed.
   * @throws ERR_RALLOC_LIMIT: a larger body than `limit`, or than the request may have, with `status` 413.
   * @throws ERR_RALLOC_ABORTED: the client went away first, with `status` 400 and, where Node gave one, the `cause`.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: the body was read before, or has an encoding; or `options`.
   * @throws ERR_RALLOC_DEAD_BUFFER: the response was over, or the arena reset, before the body had come.
   * @throws ERR_RALLOC_UNSUPPORTED: an arena that is of no request.
   */
  body(options?: BodyOptions): Promise<ArenaBuffer>;
  /**
   * The same without the copy: the chunks of the body, in their order, for those who hash them, write them or send them on. Chunks that
   * nobody else can have are adopted, as by `adopt()`, and freed with the response; small ones, and all others, are copied. The guard holds what
   * Node's operations were given of them. **For native addons, queues in user land, and with `guard: false` take a `hold()`**: they would use
   * freed memory. Limits, errors and what happens over the limit
   * are those of `body()`. Of the two a request can have one; the other rejects with `ERR_RALLOC_INVALID_ARGUMENT`.
   */
  chunks(options?: BodyOptions): Promise<ArenaBuffer[]>;
  /**
   * Takes over a Buffer that Node or the program allocated, without a copy, and returns it. From then on it is as one that the
   * arena has handed out itself: it counts toward the limit, holds and the guard keep it, and `reset()`, `rewind()`, the end of its scope or
   * `close()` end it. Then its memory goes back to the system's allocator at once, and every view over its ArrayBuffer is dead.
   *
   * **That is a free, as of `release()`.** The guard knows the operations that began after `adopt()`. Nobody sees those that began
   * before it, or that an addon or a queue in user land has: what they use then is freed memory, which means wrong bytes, or a crash. Adopt only
   * what you alone have, with no operation in flight.
   *
   * What cannot be taken over is copied: a part of an ArrayBuffer (Node's pool, a slice), shared, resizable or untransferable memory,
   * WebAssembly's, and memory of other arenas, of scopes, and of slabs. What the arena has already is returned as it is. Other views give a
   * Buffer over the same bytes. After a response that was not sent to its end, a hold that expired, and with `safety: 'gc'`, the
   * memory is left to V8 and never freed early; with `'recycle'` the Buffer dies as with `'detach'`.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: not a view.
   * @throws ERR_RALLOC_LIMIT: it is more than the arena has room for. Nothing has changed.
   * @throws ERR_RALLOC_DEAD_BUFFER: its memory is gone, or it was freed.
   */
  adopt(buffer: NodeJS.ArrayBufferView): ArenaBuffer;

  /** Marks the arena's position. Costs nothing until the next allocation, which opens a new span. */
  checkpoint(): Checkpoint;
  /**
   * Releases everything that was allocated since the checkpoint; Buffers from before keep their bytes. This
   * checkpoint and later ones are invalid then.
   * @throws ERR_RALLOC_STALE_CHECKPOINT: rewound to or past, from before a reset, or of another arena.
   */
  rewind(checkpoint: Checkpoint): void;
  /**
   * Calls `fn` with an arena that counts toward this one's limit. Releases it when `fn` returns or throws, or when its
   * promise settles. Scopes may overlap and end in any order. A reset or close of this arena ends them all.
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
   * Keeps everything that is allocated between the last reset and the next as it is, also over that reset, until
   * the hold is released (or for `holdMs`). With `guard`, Node's own operations need no hold. Take one for native addons,
   * queues in user land, a generator's future chunks, and functions that were taken before the guard.
   */
  hold(): Hold;
  /**
   * As `promise.finally(() => hold.release())`. **Await what it returns**: it settles as `promise` does, once the hold is
   * released. If `promise` rejects, so does it, and if nobody handles that, it is an unhandled rejection. `then` is read
   * once and called once. In the arena of a request whose response is over, it returns `promise` itself.
   */
  hold<T>(promise: PromiseLike<T>): Promise<T>;
  /**
   * A copy on V8's heap, which no reset touches.
   * @throws ERR_RALLOC_DEAD_BUFFER: the memory of `buffer` is gone, or it was freed. `from()` and `concat()` throw it too.
   */
  copyOut(buffer: ArrayBufferView): ArenaBuffer;
  /** Whether `buffer` is over memory that this arena or one of its scopes has handed out since its last reset. */
  owns(buffer: unknown): boolean;
  stats(): ArenaStats;
  /** The chunks of its memory. */
  chunkStats(): ChunkStats[];
}

/** `Target`: the object of a request that a framework gives to its handlers. */
// biome-ignore lint/suspicious/noExplicitAny: which framework it is, its adapter says
export interface RequestArenaOptions<Target = any> {
  /**
   * The most bytes that one request may take, an integer >= 4096 and <= `maxBytes`. Beyond it allocations
   * throw `ERR_RALLOC_LIMIT` with `status` 413. A route can have its own: see `RouteArenaOptions`.
   * @default 16777216 (16 MiB), or `maxBytes` where that is less
   */
  maxBytesPerRequest?: number | undefined;
  /**
   * The most bytes that all requests together may take: in use, kept for reuse (warm), held or quarantined.
   * What happens beyond it is up to `onOverflow`.
   * @default 256 MiB or an eighth of the memory that the process may use, whichever is less
   */
  maxBytes?: number | undefined;
  /**
   * Bytes that may wait for the garbage collector before `onOverflow` says what new requests get: those of responses that were
   * aborted, answered with a 5xx or went to no socket, and those of requests with `safety: 'gc'`, for as long as something keeps
   * a Buffer of theirs. They count toward `maxBytes` too.
   * @default a quarter of `maxBytes`
   */
  maxQuarantineBytes?: number | undefined;
  /**
   * What requests get while the arenas have no memory for them: `maxBytes` are in use, the system refuses memory, or more than
   * `maxQuarantineBytes` wait for the garbage collector.
   *
   * - `'heap'` (default): heap Buffers, counted in `stats()`, until all requests together have `maxHeapBytes` of them.
   *   Beyond that, allocations throw `ERR_RALLOC_LIMIT` with `status` 503.
   * - `'error'`: allocations throw `ERR_RALLOC_LIMIT` (or `ERR_RALLOC_MAP`) with `status` 503 at once.
   *
   * Either way, requests that begin after `close()` get heap Buffers, and so do handlers that go on after their response.
   * @default 'heap'
   */
  onOverflow?: 'heap' | 'error' | undefined;
  /**
   * The most bytes of heap Buffers that all requests in flight may have, an integer >= 0. What is allocated after a response is
   * not counted.
   * @default a quarter of `maxBytes`, or `maxBytesPerRequest` where that is more
   */
  maxHeapBytes?: number | undefined;
  /**
   * Called with each request that would get an arena: true leaves it without one, so that its property is undefined. It is given
   * the framework's object: Node's or Express's request, Fastify's request, the context of Koa or Hono. A function that throws, or
   * returns no boolean, is the error `ERR_RALLOC_INVALID_ARGUMENT` of that request.
   */
  skip?: ((target: Target) => boolean) | undefined;
  /**
   * Milliseconds since its first allocation, an integer from 0 to 2147483647, after which a request that never reset its arena is
   * told of by the warning `RALLOC_LEASED_LONG`, with its method and path. Measured in ticks of a second, or of `warnAfterMs` where that is
   * less (and 10 ms at least). Ten requests are told of; `stats().longRequests` counts all. 0: none.
   * @default 60000
   */
  warnAfterMs?: number | undefined;
  /**
   * The name of the request's property.
   * @default 'arena'
   */
  property?: string | undefined;
  /** @default 'detach' */
  safety?: Safety | undefined;
  /**
   * Zeroes what was handed out of the arenas when it is released. Heap Buffers (see `onOverflow`) are not zeroed, since an operation
   * may still read them; but they are none of Node's pool. With `onOverflow: 'error'` a request in flight gets none.
   * @default false
   */
  wipe?: boolean | undefined;
  /**
   * Makes Node's operations hold the Buffers that they were given. An operation that uses a Buffer after its function has
   * returned (fs, streams and sockets, zlib, randomFill …) keeps the memory as it is until it is over, for at most
   * `holdMs` after the reset. Node's functions are wrapped once in a thread, for the first arena that asks.
   * `RALLOC_GUARD=off` leaves Node as it is.
   * @default true
   */
  guard?: boolean | undefined;
  /** @default 30000 */
  holdMs?: number | undefined;
  /**
   * Makes `current()` work, by an AsyncLocalStorage.
   * @default false
   */
  context?: boolean | undefined;
}

/** Options that a route can have for itself; see `RequestArenas.route()`. */
export interface RouteArenaOptions {
  /**
   * The most bytes that a request of this route may take, an integer >= 4096 and <= `maxBytes` of `requestArena()`.
   * @default that of `requestArena()`
   */
  maxBytesPerRequest?: number | undefined;
  /**
   * What becomes of the request's Buffers when its response is over, also of those from before the route; but those that were
   * handed out under `'gc'`, with the guard on, wait for the garbage collector. Where it differs, what comes next is in another
   * span than what came before.
   * @default that of `requestArena()`
   */
  safety?: Safety | undefined;
  /**
   * Zeroes the bytes that the request has handed out when their memory is released; heap Buffers are not zeroed.
   * @default that of `requestArena()`
   */
  wipe?: boolean | undefined;
}

/**
 * Node's operations that held Buffers, by kind: files, streams (among them sockets, files, zlib and crypto), http messages that
 * wait for a socket, web streams, datagrams, `crypto.randomFill()`. An operation that consists of others counts as each of
 * them: the write of a file stream is a write of a file too.
 */
export type GuardStats = Record<'fs' | 'stream' | 'http' | 'web' | 'dgram' | 'crypto', GuardCounts>;

export interface GuardCounts {
  /** Counter. */
  operations: number;
  /** Counter, bytes of their Buffers. */
  bytes: number;
}

export interface RequestArenaStats {
  /** Counter: requests that were started. */
  requests: number;
  /** Gauge: requests whose response is not over. */
  inFlight: number;
  /** Counter: responses that were sent to their end. */
  finished: number;
  /** Counter: responses that were not sent to their end. */
  aborted: number;
  /** Counter: requests that were served from the heap, in part or whole. */
  heapRequests: number;
  /** Counter: heap Buffers of those requests. */
  heapBuffers: number;
  /** Counter, bytes. */
  heapBytes: number;
  /** Counter: allocations that threw an error with `status` 503. */
  refused: number;
  /** Counter: Buffers allocated after the end of their request, from the heap, within `maxBytesPerRequest`. */
  lateBuffers: number;
  /** Counter, bytes. */
  lateBytes: number;
  /** Counter: requests that kept all they had allocated for longer than `warnAfterMs`. */
  longRequests: number;
  /** Gauge, bytes: the size of a request's first chunk, adapted to what requests use. */
  chunkSize: number;
  /** Whose memory has waited for `holdMs`. */
  expired: ExpiredStats;
  /** What the guard has held. */
  guarded: GuardStats;
  /** The share of V8's heap that requests in flight have. */
  heap: HeapStats;
  memory: MemoryStats;
}

/** Bytes of heap Buffers of requests in flight, until their reset or the end of their response. */
export interface HeapStats {
  /** `maxHeapBytes`. */
  limit: number;
  /** Gauge. */
  used: number;
  /** The most that `used` ever was. */
  peak: number;
}

/**
 * The arena of a request. It has all of an Arena's methods, except those that close it: it ends with the response
 * (`close()` throws `ERR_RALLOC_UNSUPPORTED`, and does nothing after the response). A function that takes a `RequestArena` also takes an `Arena`.
 */
export interface RequestArena extends Omit<Arena, 'close' | typeof Symbol.dispose> {}

/**
 * The arena of the request in whose asynchronous context this is called, whichever middleware with `context: true` gave it; undefined outside of
 * one, after its response, and without such a middleware. For modules that are used inside of requests and outside there is `perRequest`.
 */
export function current(): RequestArena | undefined;

/**
 * What Buffer does, in the arena of the request that the caller works for: see `current()`. It takes what Buffer's methods take, and throws what they throw and
 * nothing else: outside of requests, over their limits, and for an ArrayBuffer, which `from()` shares, a list, or what is no size, it is Buffer that answers.
 */
export const perRequest: PerRequest;

/** The type of `perRequest`. */
export interface PerRequest {
  alloc(size: number, fill?: Fill, encoding?: BufferEncoding): ArenaBuffer;
  allocUnsafe(size: number): ArenaBuffer;
  from: typeof Buffer.from;
  concat: typeof Buffer.concat;
}

/** What the result of `requestArena()` has, whatever the framework. */
export interface RequestArenaHandle {
  stats(): RequestArenaStats;
  /**
   * The arena of the request in whose asynchronous context this is called, undefined after its response; needs `context: true`. Listeners of the
   * request and the response may be called outside of it: bind them with `AsyncResource.bind()`.
   * @throws ERR_RALLOC_UNSUPPORTED: without `context: true`.
   */
  current(): RequestArena | undefined;
  /**
   * From now on, new requests get heap Buffers. Resolves when all earlier requests are over, or when `timeoutMs` has passed,
   * with the number of those that are not over. These go on as before. To end them, destroy their sockets.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
   */
  close(options?: RequestArenaCloseOptions): Promise<number>;
}

export interface RequestArenaCloseOptions {
  /**
   * Milliseconds, an integer from 0 to 2147483647: how long to wait for requests in flight, such as a long stream of events.
   * @default as long as it takes
   */
  timeoutMs?: number | undefined;
}

/**
 * A middleware that gives every request an arena, for Express 4 and 5, connect, node:http and node:http2. Import
 * `ralloc/express` to add `req.arena` to the type of Express's requests, `ralloc/http` to add it to Node's.
 */
export interface RequestArenas extends RequestArenaHandle {
  (
    req: IncomingMessage | Http2ServerRequest,
    res: ServerResponse | Http2ServerResponse,
    next: (error?: Error & { code: string }) => void,
  ): void;
  /**
   * Makes a middleware that gives the requests of a route options of its own, to be mounted after this one:
   * `app.post('/upload', arenas.route({ maxBytesPerRequest: 64 << 20 }), handler)`. Several add up. It passes
   * `ERR_RALLOC_UNSUPPORTED` to `next` where the request has no arena; a request that `skip` left out goes on without.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
   */
  route(options?: RouteArenaOptions): RouteMiddleware;
  /**
   * Ends the request, for servers whose responses emit neither `finish` nor `close`. Its memory is used again once V8
   * has collected the Buffers over it, or at once if `req.arena.reset()` was called before. Returns false when the request
   * is over already, or has no arena.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: `req` is no object.
   */
  end(req: object): boolean;
}

/** The middleware of a route: what `RequestArenas.route()` makes. */
export type RouteMiddleware = (
  req: IncomingMessage | Http2ServerRequest,
  res: ServerResponse | Http2ServerResponse,
  next: (error?: Error & { code: string }) => void,
) => void;

/**
 * Makes the middleware. The arena is `req.arena` (see `property`) and is released when the response is
 * over; what a handler allocates after that comes from the heap.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
 */
export function requestArena(options?: RequestArenaOptions): RequestArenas;

/** A Buffer of a slab; its `[Symbol.dispose]()` frees it, and does nothing after that. */
export type SlabBuffer = ArenaBuffer & Disposable;

/**
 * What happens to a Buffer that is freed.
 *
 * - `'checked'` (default): every allocation is a Buffer object of its own, so that freeing twice, or through a
 *   stale reference, is an error.
 * - `'recycle'`: one Buffer object for each slot, used again for the same length. Several times as fast; a free
 *   through a stale reference cannot be distinguished from one by the slot's next user.
 *
 * In both, a Buffer that was freed still shows its slot's bytes, and so those of the next user.
 */
export type SlabSafety = 'checked' | 'recycle';

export interface SlabOptions {
  /** Bytes of the slots of each pool: 1 to 28 powers of two from 8 to 2³⁰, ascending. */
  sizes: readonly number[];
  /**
   * The number of slots at the start, exactly: one number for every pool, or a list with one for each; integers from 1 to
   * 2³⁰, with `maxCount` also 0.
   * @default 0 with `maxCount`, else required
   */
  count?: number | readonly number[] | undefined;
  /**
   * The most slots, exactly, or as many as `maxBytes` holds if that is less: `stats()` says which. Pools grow on demand,
   * by about 1 MiB at a time, less where `maxBytes` is a few MiB or leaves less. A slab that can grow cannot be shared with
   * other threads.
   * @default `count`: pools do not grow
   */
  maxCount?: number | readonly number[] | undefined;
  /**
   * The least number of slots that are kept when idle ones are returned to the system, at most `count`. They go by whole
   * ArrayBuffers (about 1 MiB), so that some more may be kept.
   * @default `count`
   */
  minCount?: number | readonly number[] | undefined;
  /**
   * Milliseconds after which the memory of unused slots is returned to the system, in pools that can grow.
   * @default 10000
   */
  idleMs?: number | undefined;
  /**
   * The most bytes that the slots of all pools and their records may take (some 16.2 B for each slot, and 40 B for each
   * pool). It must hold `count` slots of every pool, and one slot of each beside the `minCount` of all.
   * @default 134217728 (128 MiB)
   */
  maxBytes?: number | undefined;
  /** @default 'checked' */
  safety?: SlabSafety | undefined;
  /**
   * Warns (`RALLOC_SLOT_STUCK`, once for each pool) of Buffers that are not freed for this many milliseconds.
   * @default never
   */
  warnAfterMs?: number | undefined;
  /**
   * Makes Node's operations hold the Buffers that they were given. A slot that is freed while an operation uses it (fs,
   * streams and sockets, zlib, randomFill …) is handed out again when the operation is over. Node's functions are wrapped
   * once in a thread, for the first slab or arena that asks. `RALLOC_GUARD=off` leaves Node as it is.
   * @default false
   */
  guard?: boolean | undefined;
  /** A name for `stats()`, warnings and `util.inspect()`. */
  name?: string | undefined;
  /**
   * Huge, locked, NUMA-local or prefaulted pages. Native only. A thread that attaches the slab locks and prefaults it for itself
   * too. The slots of pools that grow are locked and prefaulted as they come. With `hugePages` a slab can be shared between
   * threads where the system gives such pages to shared memory (transparent ones); elsewhere it has them, and `handle()` throws.
   */
  memory?: MemoryOptions | undefined;
}

/** The options that each attached thread chooses for itself, as in SlabOptions. */
export interface SlabAttachOptions {
  safety?: SlabSafety | undefined;
  warnAfterMs?: number | undefined;
  guard?: boolean | undefined;
  name?: string | undefined;
}

/** A process whose slots came back, because it died without leaving. */
export interface SlabRecovered {
  /** As that process knew it: in another PID namespace (another container) it has another number. */
  pid: number;
  /** The slots that it held and cached, and that are free now. */
  slots: number;
}

/** The options of `Slab.open()`, which each participant chooses for itself. */
export interface SlabOpenOptions {
  safety?: SlabSafety | undefined;
  warnAfterMs?: number | undefined;
  guard?: boolean | undefined;
  /**
   * Milliseconds to wait for a process that is making the slab at this moment, 0 to 2³¹ − 1. The thread is blocked meanwhile.
   * @default 5000
   */
  timeoutMs?: number | undefined;
  /**
   * What this process's mapping of the memory is to have: locked, prefaulted, in huge pages where the memory has some. The NUMA node is
   * chosen by who creates the slab.
   */
  memory?: Omit<MemoryOptions, 'numaNode'> | undefined;
  /**
   * Called, in a later turn of the event loop, for each process that this slab found dead. The diagnostics channel
   * `ralloc:slab:recovered` has the same as `{ slab, pid, slots }`.
   */
  onRecovered?: ((recovered: SlabRecovered) => void) | undefined;
}

/** The options of `Slab.create()` and `Slab.openOrCreate()`. Pools cannot grow, and have at most 2²² slots in all. */
export interface SlabCreateOptions extends Omit<SlabOpenOptions, 'memory'> {
  /** As in SlabOptions. */
  sizes: readonly number[];
  /** As in SlabOptions. */
  count: number | readonly number[];
  /**
   * As in SlabOptions. The memory takes a page and some 64 KiB more, for who takes part.
   * @default 134217728 (128 MiB)
   */
  maxBytes?: number | undefined;
  /**
   * Milliseconds from the `send()` of a Buffer in which it can surely be received though its sender has died or left, 0 to 2³¹ − 1, in
   * steps of 16. After that it comes back when slots run out. That of who makes the slab.
   * @default 30000
   */
  transitMs?: number | undefined;
  /**
   * As in SlabOpenOptions, and the NUMA node that the memory is taken from, for all who open the slab. What cannot be had is an
   * error, and there is no such slab then. `hugePages` are transparent ones, where the system gives them to such memory
   * (docs/slab.md); `'require'` throws ERR_RALLOC_UNSUPPORTED.
   */
  memory?: MemoryOptions | undefined;
}

/** One who takes part in a slab: a `Slab` object of a thread, in whatever process. */
export interface SlabParticipant {
  /** The process, as it knows itself. */
  pid: number;
  /** When it opened the slab, as `Date.now()` was then; in a slab of one process, now. */
  since: number;
  /** Whether it is the one that was asked. */
  self: boolean;
}

/** What `Slab.attach()` takes in another thread of the process: a plain object, for postMessage or workerData. */
export interface SlabHandle {
  readonly id: number;
  readonly nonce: string;
}

/** Numbers of slots, gauges: `held + inFlight + cached + elsewhere + sent + free + stolen` is `count`. */
export interface SlabSlots {
  /** All slots. */
  count: number;
  /** In Buffers that this thread has and did not free. */
  held: number;
  /** In Buffers that this thread has freed while Node's operations used them, until the operations are over: see `guard`. */
  inFlight: number;
  /** Free, and kept by this thread for its next allocations. */
  cached: number;
  /** In the Buffers and caches of other threads and processes, also of dead ones that were not recovered yet. */
  elsewhere: number;
  /** Sent and not received. */
  sent: number;
  /** Free for every thread. */
  free: number;
  /**
   * Lost to this thread: the ArrayBuffer that they were in was transferred away. No other thread gets them. In a shared slab these are
   * the slots that this thread had or cached; the free ones stay with the others.
   */
  stolen: number;
}

/** Numbers of events in this thread, counters. */
export interface SlabCounters {
  /** Allocations that a larger pool served. */
  promotions: number;
  /** Allocations that found no slot. */
  exhaustions: number;
  /** Frees that were errors. */
  refused: number;
}

export interface SlabPoolStats extends SlabSlots, SlabCounters {
  /** Bytes of a slot. */
  size: number;
  /** The most slots: the option, or as many as `maxBytes` holds of this pool alone. */
  maxCount: number;
  /** The most slots that this thread ever held at once. */
  peak: number;
}

/** The sums of all pools. `refused` also counts frees of Buffers that belong to no pool. */
export interface SlabStats extends SlabSlots, SlabCounters {
  name: string;
  backend: 'native' | 'js';
  safety: SlabSafety;
  /** False after `close()`. */
  live: boolean;
  /** Whether other threads may use it: `handle()` or `Slab.attach()` was called, or it is one that processes share. */
  shared: boolean;
  /** Gauge: threads that use it, of all processes. Those that died count until they are recovered. */
  participants: number;
  /** Bytes: `maxBytes`; of an attached slab, and of one that processes share, its `footprint`. */
  limit: number;
  /** Gauge, bytes: all slots and their records. They are backed by memory when they are first used. */
  committed: number;
  /** Gauge, bytes: the slots that are `held`, `inFlight`, `elsewhere` and `sent`. */
  used: number;
  /** Gauge: the ArrayBuffers that this thread has of it, each of many slots. */
  segments: number;
  /** What the guard has held. */
  guarded: GuardStats;
  pools: SlabPoolStats[];
}

/**
 * Pools of fixed-size slots that are freed one by one. A Buffer is over a slot of the smallest pool that fits, and
 * has exactly the length that was asked for.
 *
 * **Free a Buffer only when you are done with it.** It still shows the slot's bytes afterwards. Without `guard`, an operation
 * that is still in flight (fs, zlib, a socket's write) would read or write the bytes of the slot's next user.
 *
 * Every method that allocates throws
 * - a TypeError or RangeError with code `ERR_RALLOC_INVALID_ARGUMENT` for a size that is not an integer from 0 to
 *   the largest of `sizes`,
 * - `ERR_RALLOC_MAP` when the system refuses memory to grow by,
 * - `ERR_RALLOC_CLOSED` after `close()`,
 *
 * and nothing has changed then.
 */
export class Slab implements Disposable {
  /**
   * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value, or pools that take more than
   *   `maxBytes`.
   * @throws ERR_RALLOC_UNSUPPORTED, ERR_RALLOC_MAP: memory that cannot be had.
   */
  constructor(options: SlabOptions);

  /**
   * The slab of another thread of this process. Each thread has its own `Slab` object, and frees what it holds.
   * @throws ERR_RALLOC_CLOSED: a handle of another process, or of a slab that no thread uses any more.
   * @throws ERR_RALLOC_UNSUPPORTED: on the JavaScript backend, or more than 1,023 threads.
   */
  static attach(handle: SlabHandle, options?: SlabAttachOptions): Slab;

  /**
   * A new slab that other processes of the same user open by its name: a slash and 1 to 254 bytes without one. It lasts until
   * `Slab.unlink()`, also when no process has it. All of its memory is taken at once. With null it has no name, and children
   * inherit it: see `fd`. Linux only.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: a name that cannot be, options as those of the constructor, more than 2²² slots.
   * @throws ERR_RALLOC_MAP: there is one of that name (`errnoCode: 'EEXIST'`), or no room for it (`'ENOSPC'`, with `requested` and
   *   `free` in bytes), or the system refuses.
   * @throws ERR_RALLOC_SEGMENT_INVALID, ERR_RALLOC_SEGMENT_VERSION: the name is that of another file; ERR_RALLOC_MAP where that is a
   *   folder, a link or a socket.
   * @throws ERR_RALLOC_SEGMENT_TIMEOUT: another process is making it, and has not finished after `timeoutMs`.
   * @throws ERR_RALLOC_UNSUPPORTED: on other systems than Linux, and on the JavaScript backend.
   */
  static create(name: string | null, options: SlabCreateOptions): Slab;
  /**
   * Opens the slab of a name, or of the number of an inherited descriptor, which stays the caller's. Each thread opens it for
   * itself.
   * @throws ERR_RALLOC_MAP: there is none of that name (`errnoCode: 'ENOENT'`), or it is another user's (`'EACCES'`;
   *   for root ERR_RALLOC_SEGMENT_INVALID).
   * @throws the others of `create()`, and ERR_RALLOC_UNSUPPORTED for more than 1,023 participants.
   */
  static open(name: string | number, options?: SlabOpenOptions): Slab;
  /**
   * Opens the slab of a name, which must have the same pools, or creates it. Of several that do so at once one creates it, and the
   * others wait for it.
   * @throws as `create()` without `EEXIST`; ERR_RALLOC_SEGMENT_INVALID: it has other pools, or is not bound to `memory.numaNode`.
   */
  static openOrCreate(name: string, options: SlabCreateOptions): Slab;
  /**
   * Ends a name: whether there was a slab of that name. Those who have the slab keep it, and its memory goes with the last
   * of them. The name can be given anew at once.
   * @throws ERR_RALLOC_SEGMENT_INVALID: the name is that of a file that is no slab, which stays; ERR_RALLOC_MAP: of a folder, a link
   *   or a socket.
   * @throws ERR_RALLOC_INVALID_ARGUMENT, ERR_RALLOC_MAP, ERR_RALLOC_UNSUPPORTED: as `open()`.
   */
  static unlink(name: string): boolean;
  /**
   * The named slabs of this user, in alphabetical order, also those of other versions of ralloc. `unlink()` takes each.
   * @throws ERR_RALLOC_MAP: the process has no descriptor left to look (`EMFILE`).
   * @throws ERR_RALLOC_UNSUPPORTED: as `open()`.
   */
  static list(): { name: string }[];

  /**
   * A Buffer of `size` bytes, zero-filled, or filled with `fill` as `Buffer.alloc` does; of a larger pool when its own
   * is exhausted.
   * @throws ERR_RALLOC_EXHAUSTED: no pool that fits has a free slot.
   */
  alloc(size: number, fill?: Fill, encoding?: BufferEncoding): SlabBuffer;
  /** The same, uninitialized: its bytes show what was in the slot before. */
  allocUnsafe(size: number): SlabBuffer;
  /** As `alloc()`, of the smallest pool that fits; null when that is exhausted. */
  tryAlloc(size: number, fill?: Fill, encoding?: BufferEncoding): SlabBuffer | null;
  /** The same, uninitialized: its bytes show what was in the slot before. */
  tryAllocUnsafe(size: number): SlabBuffer | null;
  /**
   * Frees a Buffer that this slab handed out. Null and undefined are ignored. The Buffer's own `[Symbol.dispose]()`
   * does the same the first time, and nothing after that.
   * @throws ERR_RALLOC_DOUBLE_FREE: it was freed, or sent.
   * @throws ERR_RALLOC_FOREIGN_BUFFER: it is of another slab or of none, or a view of a slab's Buffer.
   * @throws ERR_RALLOC_CLOSED: the slab is.
   */
  free(buffer: Uint8Array | null | undefined): void;
  /**
   * Calls `fn` with a zero-filled Buffer, and frees it when `fn` returns, throws, or its promise settles.
   * @throws ERR_RALLOC_ESCAPED: the result is that Buffer, or a view of it.
   */
  use<T>(size: number, fn: (buffer: SlabBuffer) => T): T;
  /** Whether `free(buffer)` would free it. */
  owns(buffer: unknown): boolean;

  /** Bytes of the slots of each pool, ascending. */
  readonly sizes: readonly number[];
  /** The most bytes that slots and records can take; 0 before the first use of the default slab, and after `close()`. */
  readonly footprint: number;

  /** The name that it was opened by, or the option `name`; empty without one. */
  readonly name: string;
  /**
   * Of a slab that `create(null)` made, or that was opened by a descriptor: a descriptor for `spawn()`'s option `stdio`. Opened at
   * the first look, and closed by `close()`: do not close it yourself. Null for other slabs.
   */
  readonly fd: number | null;
  /**
   * Those who have it open, the first first.
   * @throws ERR_RALLOC_CLOSED.
   */
  participants(): SlabParticipant[];
  /**
   * Frees what processes held that died, and tells who they were. That is also done when somebody opens the slab, and when slots run
   * out. Walks over all slots (100,000: some ms). Empty for a slab of one process.
   * @throws ERR_RALLOC_CLOSED.
   */
  recover(): SlabRecovered[];

  /**
   * Has the memory of the slots on one NUMA node (mbind), an integer from 0 to 2³² − 1, for all who share the slab. Before first
   * use: as long as this `Slab` has handed out no Buffer, and nobody else has or caches a slot. What is there already
   * is moved. On an error nothing has changed.
   * @throws ERR_RALLOC_IN_USE: too late; `inUse` is the number of slots that are in use.
   * @throws ERR_RALLOC_MAP: the system refuses, with `syscall: 'mbind'`: there is no such node (`errnoCode: 'EINVAL'`), pages cannot be moved
   *   since others have touched them (`'EIO'`), or a filter of system calls, as Docker's (`'EPERM'`).
   * @throws ERR_RALLOC_UNSUPPORTED: on macOS and Windows, and on the JavaScript backend.
   * @throws ERR_RALLOC_CLOSED, and ERR_RALLOC_INVALID_ARGUMENT.
   */
  bind(numaNode: number): void;
  /**
   * Keeps the memory of the slots in RAM until `close()` (mlock), those that come later too. It is taken at once. Of a slab that is shared
   * the mapping of this thread: each that wants to be sure calls it. Before first use: as long as this `Slab` has handed out
   * no Buffer. The second call does nothing. On an error nothing has changed.
   * @throws ERR_RALLOC_IN_USE: too late.
   * @throws ERR_RALLOC_MAP: more than the process may lock (`RLIMIT_MEMLOCK`), with `syscall: 'mlock'`.
   * @throws ERR_RALLOC_UNSUPPORTED: on the JavaScript backend.
   * @throws ERR_RALLOC_CLOSED.
   */
  lock(): void;

  /**
   * What `Slab.attach()` takes in another thread. It is the same every time. It keeps nothing alive: the slab exists as
   * long as one thread uses it.
   * @throws ERR_RALLOC_UNSUPPORTED: a slab that can grow or has more than 2²² slots, the JavaScript backend, a
   *   system that cannot share such memory.
   */
  handle(): SlabHandle;
  /**
   * Sends a Buffer to another thread. Returns a token, a safe integer, by which one thread receives it, once. The
   * Buffer cannot be freed or sent here any more, and must not be used.
   * @throws ERR_RALLOC_DOUBLE_FREE, ERR_RALLOC_FOREIGN_BUFFER: as `free()`.
   * @throws ERR_RALLOC_IN_USE: with `guard`, an operation of Node uses it.
   */
  send(buffer: Uint8Array): number;
  /**
   * The Buffer that was sent, over the same bytes and of the same length. This thread frees it.
   * @throws ERR_RALLOC_STALE_TOKEN: received or revoked before, never sent, or sent by another slab.
   * @throws ERR_RALLOC_CLOSED: the slab is closed, or the slot's memory was transferred away from this thread; the
   *   token stays good, for other threads.
   */
  receive(token: number): SlabBuffer;
  /**
   * Takes a Buffer back that this thread has sent and nobody received.
   * @throws ERR_RALLOC_STALE_TOKEN, ERR_RALLOC_CLOSED: as `receive()`; the first also when another thread sent it.
   */
  revoke(token: number): SlabBuffer;

  stats(): SlabStats;
  /**
   * Releases the memory for good. The second call does nothing. Every Buffer of this thread then has length 0, with two
   * exceptions. With `guard`, Buffers in an ArrayBuffer that operations use keep their bytes until these are over. On Node 24
   * and later, those whose ArrayBuffer was marked by `markAsUntransferable()` keep their bytes, and their slots, until they are
   * collected. Other threads that are attached keep their Buffers.
   * @throws ERR_RALLOC_IN_USE: Buffers are in use (`inUse`), and `force` is not true.
   * @throws ERR_RALLOC_UNSUPPORTED: the default slab is not closed.
   */
  close(options?: { force?: boolean | undefined }): void;
  /** `close({ force: true })`. */
  [Symbol.dispose](): void;
}

/**
 * The default slab, with slots from 64 B to 1 MiB in at most 128 MiB. It takes no memory before its first
 * allocation, grows on demand, and returns idle memory to the system. Each thread has its own. It does not wrap Node's
 * functions. Where they are wrapped already, operations hold its Buffers as with `guard`.
 */
export const slab: Slab;

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
   * Gives free memory back to the system, as `collect()` does, once a second where the event loop waited for 90 % of the second. It takes 4 ms at
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
  /** As `alloc()`; null where that throws `ERR_RALLOC_LIMIT`. */
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
   * Gives the memory of all free pages back to the system, and chunks that are free as a whole. Buffers stay where they are. It looks at
   * each span, and makes a system call for each free one with a page that was in use: call it where the program is idle.
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

export interface LoadTableOptions {
  /**
   * Request-bound sites that are only suggested get the arena of their request as well, not only those that are proved. Where one outlives its request, its Buffers
   * are dead: try that in staging.
   * @default false
   */
  suggested?: boolean | undefined;
  /**
   * The most bytes that the slab of all sites of this thread may take, an integer >= 4 MiB.
   * @default 67108864 (64 MiB)
   */
  maxSlabBytes?: number | undefined;
  /**
   * The most bytes that the region of all sites of this thread may take, an integer >= 4 MiB.
   * @default 67108864 (64 MiB)
   */
  maxRegionBytes?: number | undefined;
  /**
   * Makes Node's operations hold Buffers of the slab and the region, as `guard` of their classes does.
   * @default true
   */
  guard?: boolean | undefined;
}

/**
 * Reads a table of `ralloc bake`, for all sites of this thread, those that are there and those that come: all of it, or, where it throws, nothing. A later one
 * takes the place of an earlier one. Without a call, the first `site()` of a thread reads the table that the environment variable `RALLOC_TABLE` names.
 * @throws ERR_RALLOC_TABLE_INVALID, ERR_RALLOC_TABLE_VERSION: see there.
 * @throws ERR_RALLOC_TABLE_FOREIGN: the table is of another application.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an argument or option of the wrong name, type or value.
 * @throws ERR_RALLOC_UNSUPPORTED: the slab or the region is in use already, with another limit.
 */
export function loadTable(file: string | URL, options?: LoadTableOptions): void;

export interface SiteStats {
  name: string;
  /** What the table says of the site as a whole; null where it does not name it. */
  strategy: 'leave' | 'request' | 'slab' | 'region' | null;
  certainty: 'suggested' | 'proved' | null;
  /** Whether some of its Buffers are not Node's own. */
  isRouted: boolean;
  /** Counter: Buffers that Node gave because the arena, the slab or the region was full. */
  full: number;
  /** Counter: calls of `free()` that had nothing to free. */
  unfreed: number;
}

/**
 * A place of the application that allocates. Each method gives what Buffer's method of that name does, byte for byte and error for error; the table says
 * whose memory it is.
 */
export interface Site {
  readonly name: string;
  alloc(size: number, fill?: Fill, encoding?: BufferEncoding): ArenaBuffer;
  allocUnsafe(size: number): ArenaBuffer;
  from: typeof Buffer.from;
  concat: typeof Buffer.concat;
  /**
   * Frees a Buffer of the slab or the region of sites: where somebody holds it, with the last release. Returns false where nobody has to free it: it is
   * of its request's arena, or Node's own; also for null and undefined. A Buffer of another copy of the package is as Node's own: nobody can tell.
   * @throws ERR_RALLOC_DOUBLE_FREE: it was freed before.
   * @throws ERR_RALLOC_FOREIGN_BUFFER: it is of another slab or region of this copy of the package, or a view of a Buffer of sites.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: it is no Buffer.
   */
  free(buffer: Uint8Array | null | undefined): boolean;
  /**
   * Keeps the Buffer until `release()`. A Buffer of the slab or the region is freed with the last release, whether or not somebody called `free()`; one of the
   * current request's arena is kept by a hold of that. `using hold = rows.hold(rows.alloc(64))` works whatever the memory is.
   * @throws ERR_RALLOC_DOUBLE_FREE, ERR_RALLOC_FOREIGN_BUFFER: as `free()`.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: it is no Buffer.
   */
  hold(buffer: Uint8Array): Hold;
  stats(): SiteStats;
}

export interface SitesStats {
  /** The file of the table; null without one. */
  table: string | null;
  /** The sites of this thread. */
  sites: SiteStats[];
  /** Names of the table that are none of them. */
  unused: string[];
  /** Of the slab of sites; null before its first Buffer. */
  slab: SlabStats | null;
  /** Of the region of sites; null before its first Buffer. */
  region: RegionStats | null;
}

/**
 * The site of a name, the same for the same name: a constant of the program, 1 to 100 characters. Each stays for as long as the thread.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: `name` is no such text.
 * @throws those of `loadTable()`: RALLOC_TABLE names a table that cannot be used.
 */
export const site: {
  (name: string): Site;
  /** Of all sites of this thread. */
  stats(): SitesStats;
};

/**
 * How much debug mode watches: nothing; one of `sampleEvery` allocations, by chance; or all. It is RALLOC_DEBUG in the environment (`off`, `sample`, `full`) until
 * `configureDebug()` changes it; where that is not set it is `sample` if NODE_ENV is `development`, and `off` otherwise.
 */
export type DebugLevel = 'off' | 'sample' | 'full';

export interface DebugOptions {
  level?: DebugLevel | undefined;
  /**
   * With `sample`, one of so many allocations is watched: an integer from 1 to 2147483647. Of a thread that allocates very much there are fewer, 100 a second at most, unless it is 1.
   * @default 128
   */
  sampleEvery?: number | undefined;
  /**
   * The most frames of a stack, 1 to 64. Each costs time at every allocation that is watched.
   * @default 16
   */
  stackDepth?: number | undefined;
  /**
   * Is called with each report, in the middle of what it is about; null for none. What it throws is a warning, `RALLOC_W_REPORT_FAILED`, once. Misuse that it
   * causes itself is reported when it has returned.
   * @default null
   */
  report?: ((report: DebugReport) => void) | null | undefined;
}

/** What a report is about. docs/debugging.md shows each. */
export type DebugKind =
  | 'use-after-reset'
  | 'use-after-free'
  | 'double-free'
  | 'write-after-free'
  | 'overrun'
  | 'kept'
  | 'leak'
  | 'stuck'
  | 'hold-leaked'
  | 'not-closed'
  | 'in-flight'
  | 'shared';

/** A place of a program. Lines and columns count from 1, and are 0 where nobody knows them. */
export interface DebugFrame {
  readonly function: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A stack. It is made out when somebody reads it, with the source maps that Node or the files have. */
export interface DebugTrace {
  /** The application's, then those of packages; those of ralloc and Node only where there are no others. */
  readonly frames: readonly DebugFrame[];
  /** A line for each, as in the stack of an error. */
  toString(): string;
}

/**
 * Misuse, as the function `report` and the channels `ralloc:debug:KIND` of `node:diagnostics_channel` get it: once for each cause, which is the kind and the two innermost lines of
 * each of its stacks. Later ones of the cause add to `count` and `bytes`.
 */
export interface DebugReport {
  readonly kind: DebugKind;
  /** That of the warning. */
  readonly code: `RALLOC_W_${string}`;
  /** The text of the warning, of several lines. */
  readonly message: string;
  /** Whose memory it is: `the arena 'frames'`. */
  readonly of?: string;
  /** The name that the arena, slab or region was given. */
  readonly name?: string;
  /** Bytes of the Buffer, or of each. */
  readonly size?: number;
  /** Buffers, or how often it has happened. */
  readonly count: number;
  /** Bytes of all of them. */
  readonly bytes: number;
  /** In milliseconds; of the oldest, where there are several. */
  readonly age?: number;
  readonly allocated?: DebugTrace;
  /** Where its memory was reset, freed, or ended by what `how` says. */
  readonly ended?: DebugTrace;
  readonly used?: DebugTrace;
  /** Where the operation or the hold began that the report is about. */
  readonly operation?: DebugTrace;
  /** The request for which it was allocated: `GET /orders`. */
  readonly request?: string;
  /** The request whose end has reset it. */
  readonly endedBy?: string;
  /** How its memory ended: `reset`, `response`, `freed` and others. */
  readonly how?: string;
  /** What was done with it: `buf.toString()`. */
  readonly use?: string;
  /** What else is known, in words. */
  readonly detail?: string;
}

/**
 * Changes debug mode: the options that are given, and leaves the others as they are. It holds for what this thread allocates from then on.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value. Then nothing has changed.
 */
export function configureDebug(options: DebugOptions): void;

/**
 * Looks now at all bytes around watched Buffers that nobody should have written to (`overrun`), at those of dead ones (`write-after-free`), and, after a
 * collection of all that nobody has, for Buffers of requests that are over (`kept`): a few milliseconds a MiB of the heap. It stops the event loop for that.
 * @returns how many reports that made, those of a cause included that is known already.
 * @throws ERR_RALLOC_UNSUPPORTED: debug mode is off.
 */
export function verify(): number;

/** What comes from one place and is not given back. */
export interface LeakGroup {
  /** What it is, or, of Buffers, what they are of. */
  readonly kind: 'arena' | 'slab' | 'region' | 'hold';
  /** Whose memory it is, or which one is not closed: `the slab 'frames'`. */
  readonly of: string;
  readonly count: number;
  /** Of Buffers: the bytes of all. */
  readonly bytes?: number;
  /** Milliseconds since the oldest of them. */
  readonly age: number;
  /** Where they were allocated, taken or made. */
  readonly allocated: DebugTrace;
  /** The request that they are of, where it is one: `GET /orders`. */
  readonly request?: string;
}

/** What `leakReport()` returns: in each list those with the most bytes first, then the oldest. */
export interface LeakReport {
  /** Buffers in `groups`. */
  readonly count: number;
  /** Bytes of these. */
  readonly bytes: number;
  /** Buffers of slabs and regions that are not freed. Not those of sites, nor of regions with `autoFree`. */
  readonly groups: readonly LeakGroup[];
  /** Holds that are not released. */
  readonly holds: readonly LeakGroup[];
  /** Arenas, slabs and regions of the program that are not closed. */
  readonly open: readonly LeakGroup[];
  /** Buffers of requests in flight that have had them for longer than the `warnAfterMs` of their middleware. */
  readonly requests: readonly LeakGroup[];
  /** All of it as lines for a person. */
  toString(): string;
}

/**
 * What is taken and not given back at this moment, by the places that took it. It knows of what was taken since debug mode is on, in this thread, with `sample` of those that are watched.
 * No garbage collection is needed: what nobody has any more is listed until it is given back.
 * @throws ERR_RALLOC_UNSUPPORTED: debug mode is off.
 */
export function leakReport(): LeakReport;

export type RallocErrorCode =
  | 'ERR_RALLOC_LIMIT'
  | 'ERR_RALLOC_ABORTED'
  | 'ERR_RALLOC_EXHAUSTED'
  | 'ERR_RALLOC_MAP'
  | 'ERR_RALLOC_CLOSED'
  | 'ERR_RALLOC_STALE_CHECKPOINT'
  | 'ERR_RALLOC_ESCAPED'
  | 'ERR_RALLOC_DEAD_BUFFER'
  | 'ERR_RALLOC_DOUBLE_FREE'
  | 'ERR_RALLOC_FOREIGN_BUFFER'
  | 'ERR_RALLOC_STALE_TOKEN'
  | 'ERR_RALLOC_IN_USE'
  | 'ERR_RALLOC_SEGMENT_INVALID'
  | 'ERR_RALLOC_SEGMENT_VERSION'
  | 'ERR_RALLOC_SEGMENT_TIMEOUT'
  | 'ERR_RALLOC_FRAMEWORK'
  | 'ERR_RALLOC_MOUNTED'
  | 'ERR_RALLOC_PROFILE_UNREADABLE'
  | 'ERR_RALLOC_PROFILE_UNWRITABLE'
  | 'ERR_RALLOC_PROFILE_FOREIGN'
  | 'ERR_RALLOC_PROFILE_DAMAGED'
  | 'ERR_RALLOC_PROFILE_VERSION'
  | 'ERR_RALLOC_PROFILE_RUNNING'
  | 'ERR_RALLOC_TABLE_INVALID'
  | 'ERR_RALLOC_TABLE_VERSION'
  | 'ERR_RALLOC_TABLE_FOREIGN'
  | 'ERR_RALLOC_UNSUPPORTED'
  | 'ERR_RALLOC_MISUSE'
  | 'ERR_RALLOC_CORRUPTED';

/** Every error except argument errors, which are TypeErrors and RangeErrors with `ERR_RALLOC_INVALID_ARGUMENT`. */
export class RallocError extends Error {
  private constructor();
  readonly code: RallocErrorCode;
  /** LIMIT, EXHAUSTED, MAP: bytes asked for. */
  readonly requested?: number;
  /** LIMIT, EXHAUSTED: bytes that are allowed, or that there are slots for. */
  readonly limit?: number;
  /** LIMIT, EXHAUSTED: bytes that are in use. */
  readonly used?: number;
  /** LIMIT, EXHAUSTED: the option to raise. */
  readonly option?: string;
  /**
   * LIMIT and MAP, of a request: 413 where it asked for more than it may have, 503 where all requests together have what there
   * is. Of bodies and streams 413 over their limit, and 400 where they were cut off. Frameworks answer with it where nobody handles the error.
   */
  readonly status?: 400 | 413 | 503;
  /** The same. */
  readonly statusCode?: 400 | 413 | 503;
  /** With `status`: the answer, for Hono. */
  readonly getResponse?: () => Response;
  /** IN_USE: Buffers that nobody has freed. */
  readonly inUse?: number;
  /** MAP: the system call that failed. */
  readonly syscall?: string;
  /** MAP: its error number, and name. */
  readonly errno?: number;
  readonly errnoCode?: string;
  /** MAP, where there is no room for a slab that processes share: the bytes that are free. */
  readonly free?: number;
  /** SEGMENT_INVALID: what differs, in words. */
  readonly field?: string;
  /** SEGMENT_INVALID, SEGMENT_VERSION, PROFILE_VERSION, TABLE_VERSION: what is there. */
  readonly found?: number | bigint;
  /** SEGMENT_INVALID, SEGMENT_VERSION: what there should be. PROFILE_VERSION, TABLE_VERSION: the newest that can be read. */
  readonly expected?: number | bigint;
  /** PROFILE_*, TABLE_*: the name of the file, where it has one. */
  readonly file?: string;
  /** SEGMENT_TIMEOUT: milliseconds. */
  readonly waitedMs?: number;
  /** FRAMEWORK: what the adapter is for, as 'Koa 3'. */
  readonly framework?: string;
  /** FRAMEWORK: the version that it was given, where the framework tells. */
  readonly version?: string;
  /** MISUSE: what was found. */
  readonly reports?: readonly DebugReport[];
}
