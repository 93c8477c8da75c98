// The arena of a request, and the middleware that gives it.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Arena, Safety } from './arena.js';
import type { Budget } from './budget.js';
import type { ArenaBuffer, Fill } from './buffer.js';
import type { ExpiredStats, GuardStats } from './hold.js';
import type { MemoryStats } from './memory.js';

/** `Target`: the object of a request that a framework gives to its handlers. */
// biome-ignore lint/suspicious/noExplicitAny: which framework it is, its adapter says
export interface RequestArenaOptions<Target = any> {
  /**
   * The most bytes that one request may take, an integer >= 4096 and <= `maxBytes`. Beyond it
   * allocations throw `ERR_RALLOC_LIMIT` with `status` 413. A route can have its own: see
   * `RouteArenaOptions`.
   * @default 16777216 (16 MiB), or `maxBytes` if that is less
   */
  maxBytesPerRequest?: number | undefined;
  /**
   * The most bytes that all requests together may take: in use, kept for reuse (warm), held or
   * quarantined. What happens beyond it is up to `onOverflow`.
   * @default 256 MiB, or an eighth of the memory that the process may use (at least 16 MiB) if that
   *   is less
   */
  maxBytes?: number | undefined;
  /**
   * Bytes that may wait for the garbage collector before `onOverflow` says what new requests get:
   * those of responses that were aborted, answered with a 5xx or went to no socket, and those of
   * requests with `safety: 'gc'`, for as long as something keeps a Buffer of theirs. They count
   * toward `maxBytes` too.
   * @default a quarter of `maxBytes`
   */
  maxQuarantineBytes?: number | undefined;
  /**
   * What requests get while the arenas have no memory for them: `maxBytes` are in use, the system
   * refuses memory, or more than `maxQuarantineBytes` wait for the garbage collector.
   *
   * - `'heap'` (default): heap Buffers, counted in `stats()`, until all requests together have
   *   `maxHeapBytes` of them. Beyond that, allocations throw `ERR_RALLOC_LIMIT` with `status` 503.
   * - `'error'`: allocations throw `ERR_RALLOC_LIMIT` (or `ERR_RALLOC_MAP`) with `status` 503 at
   *   once.
   *
   * Either way, requests that first use their arena after `close()` get heap Buffers, and so do
   * handlers that go on after their response. One more case, within `maxBytes`: requests that were
   * already running when the guard replaced the methods of web streams or datagram sockets get heap
   * Buffers, because they may have taken the unguarded methods.
   * @default 'heap'
   */
  onOverflow?: 'heap' | 'error' | undefined;
  /**
   * A budget that is charged with everything that counts toward `maxBytes`; or a function that
   * returns a budget for each request, which is charged with what the request has until its end.
   * The function is called with Node's request at its first allocation, and may return nothing. If
   * something does not fit, `onOverflow` decides; the error has the `status` of the budget, 503 or
   * 429. Heap Buffers are not charged. If the function throws, or returns anything else
   * (`ERR_RALLOC_INVALID_ARGUMENT`), the allocation throws that.
   */
  // biome-ignore lint/suspicious/noExplicitAny: what Node's request has besides, an application says
  budget?: Budget | ((req: any) => Budget | null | undefined) | undefined;
  /**
   * The most bytes of heap Buffers that all requests in flight may have, an integer >= 0. What is
   * allocated after a response is not counted.
   * @default a quarter of `maxBytes`, or `maxBytesPerRequest` if that is more
   */
  maxHeapBytes?: number | undefined;
  /**
   * Called with each request that would get an arena: true leaves it without one, so that its
   * property is undefined. It is given the framework's object: Node's or Express's request,
   * Fastify's request, the context of Koa or Hono. A function that throws, or returns no boolean,
   * is the error `ERR_RALLOC_INVALID_ARGUMENT` of that request.
   */
  skip?: ((target: Target) => boolean) | undefined;
  /**
   * Milliseconds since its first allocation, an integer from 0 to 2147483647, after which a request
   * that never reset its arena is named by the warning `RALLOC_LEASED_LONG`, with its method and
   * path. Measured in ticks of a second, or of `warnAfterMs` if that is less (and 10 ms at least).
   * Ten requests are named; `stats().longRequests` counts all. 0: none.
   * @default 60000
   */
  warnAfterMs?: number | undefined;
  /**
   * When a load is over, gives back to the system what glibc keeps of freed memory of V8's
   * compilers, Node and its libraries (`malloc_trim`). This runs on another thread, in a process
   * with no request in flight that used 50 ms of CPU at most for a second, and 250 ms before that
   * (500 ms between two trims). Only on Linux with glibc. And everywhere, if 8 MiB of Buffers or 32
   * MiB of RSS have come since what the last one left, and no request has begun for three seconds,
   * asks V8 for one collection, at most once a minute, and one more half a minute later if it has
   * left a large heap. `RALLOC_TRIM=off` turns both off too. `stats().trims` counts.
   * @default true
   */
  trim?: boolean | undefined;
  /**
   * Sets V8's flag `--external-memory-accounted-in-global-limit` for the whole process: the memory
   * of Buffers counts toward the limit of V8's heap, and has none of its own any more. V8 13.6 to
   * 14.7 have the flag (Node 24 to 26); later ones do so without it. It is set once, when a server
   * listens for the first time after the mount, or at the first request if one listened before.
   * `RALLOC_TUNE=on` and `RALLOC_TUNE=off` stand above the option. `stats().tuned` says what was
   * done.
   * @default false
   */
  tune?: boolean | undefined;
  /**
   * A name for errors and `stats()`: beyond `maxBytes` an allocation says "Raise maxBytes of
   * request arenas 'api'".
   * @default ''
   */
  name?: string | undefined;
  /**
   * The name of the request's property.
   * @default 'arena'
   */
  property?: string | undefined;
  /** @default 'detach' */
  safety?: Safety | undefined;
  /**
   * Zeroes what was handed out of the arenas when it is released. Heap Buffers (see `onOverflow`)
   * are not zeroed, since an operation may still read them; but they are none of Node's pool. With
   * `onOverflow: 'error'` a request gets none, with the exceptions that are named there.
   * @default false
   */
  wipe?: boolean | undefined;
  /**
   * Makes Node's operations hold the Buffers that they are given. An operation that uses a Buffer
   * after its function has returned (fs, streams and sockets, zlib, randomFill …) keeps the memory
   * as it is until it is over, for at most `holdMs` after the reset. Node's functions are wrapped
   * once in a thread, for the first arena that asks. `RALLOC_GUARD=off` leaves Node as it is.
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
   * The most bytes that a request of this route may take, an integer >= 4096 and <= `maxBytes` of
   * `requestArena()`.
   * @default that of `requestArena()`
   */
  maxBytesPerRequest?: number | undefined;
  /**
   * What becomes of the request's Buffers when its response is over, also of those from before the
   * route; but those that were handed out under `'gc'`, with the guard on, wait for the garbage
   * collector. If it differs, later Buffers come from a new span.
   * @default that of `requestArena()`
   */
  safety?: Safety | undefined;
  /**
   * Zeroes the bytes that the request has handed out when their memory is released; heap Buffers
   * are not zeroed.
   * @default that of `requestArena()`
   */
  wipe?: boolean | undefined;
}

export interface RequestArenaStats {
  /** Counter: requests that were given an arena, whether they used it or not. */
  requests: number;
  /** Gauge: requests that have used their arena, and whose response is not over. */
  inFlight: number;
  /** Counter: responses that were sent to their end, of requests that had used their arena. */
  finished: number;
  /** Counter: responses that were not sent to their end, of requests that had used their arena. */
  aborted: number;
  /** Counter: requests that were served from the heap, in part or whole. */
  heapRequests: number;
  /** Counter: heap Buffers of those requests. */
  heapBuffers: number;
  /** Counter, bytes. */
  heapBytes: number;
  /** Counter: allocations that threw an error with `status` 503. */
  refused: number;
  /**
   * Counter: Buffers allocated after the end of their request, from the heap, within
   * `maxBytesPerRequest`.
   */
  lateBuffers: number;
  /** Counter, bytes. */
  lateBytes: number;
  /** Counter: requests that kept all they had allocated for longer than `warnAfterMs`. */
  longRequests: number;
  /** Gauge, bytes: the size of a request's first chunk, adapted to what requests use. */
  chunkSize: number;
  /** Whose memory has waited for `holdMs`. */
  expired: ExpiredStats;
  /**
   * Counter: calls that the end of the stack or `vm`'s `timeout` interrupted. What was in use then
   * is quarantined.
   */
  interrupted: number;
  /** What the guard has held. */
  guarded: GuardStats;
  /** The share of V8's heap that requests in flight have. */
  heap: HeapStats;
  /** Of the whole process: see `trim`. */
  trims: TrimStats;
  /** What `tune` did to the process. */
  tuned: TuneState;
  memory: MemoryStats;
}

/**
 * - `'off'`: nothing, since this middleware was not asked to.
 * - `'waiting'`: nothing yet: no server listens.
 * - `'set'`: V8's flag is set.
 *
 * Otherwise nothing, for good, because
 *
 * - `'command-line'`: the flag, or its opposite, is on the command line.
 * - `'default'`: this V8 counts so without a flag.
 * - `'unsupported'`: this V8 has no such flag, or the program is not Node.
 * - `'frozen'`: with `--freeze-flags-after-init` V8 ends a process that sets a flag.
 * - `'worker-thread'`: the middleware was made in a Worker.
 * - `'workers'`: a Worker ran when the server listened, or may have. That none runs is certain
 *   while Node has not loaded `node:worker_threads`, which web streams and `fetch()` load too, and
 *   on Linux by the names of the threads.
 * - `'unchanged'`: setting the flag changed nothing: it was set already, or this build does not
 *   know it.
 */
export type TuneState =
  | 'off'
  | 'waiting'
  | 'set'
  | 'command-line'
  | 'default'
  | 'unsupported'
  | 'frozen'
  | 'worker-thread'
  | 'workers'
  | 'unchanged';

/** Memory that `trim` gave back. */
export interface TrimStats {
  /** Counter. */
  count: number;
  /** Counter, bytes: the decrease of RSS a second later. */
  bytes: number;
  /** Counter: collections at rest (docs/guide/production.md). */
  collections: number;
  /** Counter: milliseconds on another thread. */
  ms: number;
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
 * The arena of a request. It has all of an Arena's methods, except those that close it: it ends
 * with the response (`close()` throws `ERR_RALLOC_UNSUPPORTED`, and does nothing after the
 * response). A function that takes a `RequestArena` also takes an `Arena`.
 */
export interface RequestArena extends Omit<Arena, 'close' | typeof Symbol.dispose> {}

/**
 * The arena of the request in whose asynchronous context this is called, whichever middleware with
 * `context: true` gave it; undefined outside of one, after its response, and without such a
 * middleware. For modules that are used inside of requests and outside there is `perRequest`.
 */
export function current(): RequestArena | undefined;

/**
 * Does what Buffer does, in the arena of the current request: see `current()`. It takes and throws
 * exactly what Buffer's methods do: outside of requests, over their limits, and for a list, an
 * invalid size or an ArrayBuffer, which `from()` shares, it calls Buffer.
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
   * The arena of the request in whose asynchronous context this is called, undefined after its
   * response; needs `context: true`. Listeners of the request and the response may be called
   * outside of it: bind them with `AsyncResource.bind()`.
   * @throws ERR_RALLOC_UNSUPPORTED: without `context: true`.
   */
  current(): RequestArena | undefined;
  /**
   * From now on, requests that have not used their arena get heap Buffers. Resolves when all others
   * are over, or when `timeoutMs` has passed, with the number of those that are not over. These go
   * on as before. To end them, destroy their sockets.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
   */
  close(options?: RequestArenaCloseOptions): Promise<number>;
}

export interface RequestArenaCloseOptions {
  /**
   * Milliseconds, an integer from 0 to 2147483647: how long to wait for requests in flight, such as
   * a long stream of events.
   * @default as long as it takes
   */
  timeoutMs?: number | undefined;
}

/**
 * A middleware that gives every request an arena, for Express 4 and 5, connect, node:http and
 * node:http2. `ralloc` and `ralloc/express` add `req.arena` to the type of Express's requests.
 * Import `ralloc/http` to add it to Node's.
 */
export interface RequestArenas extends RequestArenaHandle {
  (
    req: IncomingMessage | Http2ServerRequest,
    res: ServerResponse | Http2ServerResponse,
    next: (error?: Error & { code: string }) => void,
  ): void;
  /**
   * Makes a middleware that gives the requests of a route options of its own, to be mounted after
   * this one:
   * `app.post('/upload', arenas.route({ maxBytesPerRequest: 64 << 20 }), handler)`. Several add up.
   * It passes `ERR_RALLOC_UNSUPPORTED` to `next` if the request has no arena; a request that `skip`
   * left out goes on without.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
   */
  route(options?: RouteArenaOptions): RouteMiddleware;
  /**
   * Ends the request, for servers whose responses emit neither `finish` nor `close`. Its memory is
   * used again once V8 has collected the Buffers over it, or at once if `req.arena.reset()` was
   * called before. Returns false when the request is over already, or has no arena.
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
 * Makes the middleware. The arena is `req.arena` (see `property`) and is released when the response
 * is over; what a handler allocates after that comes from the heap. The first 4 KiB that a request
 * allocates are Buffers of Node, which keep their bytes, except with `wipe`, `budget`, a scope, a
 * checkpoint or a hold before them, in debug mode, with `ralloc/test`, or if NODE_ENV is `test`.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
 */
export function requestArena(options?: RequestArenaOptions): RequestArenas;
