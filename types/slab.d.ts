// Slabs: slots of fixed sizes that are freed one by one, also between threads and processes.

import type { Budget } from './budget.js';
import type { ArenaBuffer, Fill } from './buffer.js';
import type { GuardStats } from './hold.js';
import type { MemoryOptions } from './memory.js';

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
   * by about 1 MiB at a time, less if `maxBytes` is a few MiB or leaves less. A slab that can grow cannot be shared with
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
  /**
   * A budget that is charged with all that counts toward `maxBytes`: `stats().committed`, also of a slab that other threads attach, until it is closed here. If it is full, `ERR_RALLOC_LIMIT` names the budget, also from the constructor; idle memory goes back first.
   * `attach()`, `create()`, `open()` and `openOrCreate()` refuse the option with ERR_RALLOC_INVALID_ARGUMENT: memory that threads or processes share belongs to no budget alone.
   */
  budget?: Budget | undefined;
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
   * Options of this process's mapping: locked, prefaulted, with huge pages if the memory has some. The creator of the slab chooses the
   * NUMA node.
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
   * As in SlabOptions. The memory takes a page and some 64 KiB more, for the participants.
   * @default 134217728 (128 MiB)
   */
  maxBytes?: number | undefined;
  /**
   * Milliseconds from the `send()` of a Buffer in which it can surely be received though its sender has died or left, 0 to 2³¹ − 1, in
   * steps of 16. After that it comes back when slots run out. The creator's value counts.
   * @default 30000
   */
  transitMs?: number | undefined;
  /**
   * As in SlabOpenOptions, and the NUMA node that the memory is taken from, for all who open the slab. What cannot be had is an
   * error, and there is no such slab then. `hugePages` are transparent ones, where the system gives them to such memory
   * (docs/guide/slab.md); `'require'` throws ERR_RALLOC_UNSUPPORTED.
   */
  memory?: MemoryOptions | undefined;
}

/** A participant of a slab: a `Slab` object of a thread, in whatever process. */
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
   * @throws ERR_RALLOC_UNSUPPORTED, ERR_RALLOC_MAP: the system does not have, or refuses, such memory.
   */
  constructor(options: SlabOptions);

  /**
   * Opens the slab of another thread of this process. Each thread has its own `Slab` object, and frees what it holds.
   * @throws ERR_RALLOC_CLOSED: a handle of another process, or of a slab that no thread uses any more.
   * @throws ERR_RALLOC_UNSUPPORTED: without the binary, or more than 1,023 threads.
   */
  static attach(handle: SlabHandle, options?: SlabAttachOptions): Slab;

  /**
   * Creates a slab that other processes of the same user open by its name: a slash and 1 to 254 bytes without one. It lasts until
   * `Slab.unlink()`, also when no process has it. All of its memory is taken at once. With null it has no name, and children
   * inherit it: see `fd`. Linux only; with a name also on macOS and Windows.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: a name that cannot be, options as those of the constructor, more than 2²² slots.
   * @throws ERR_RALLOC_MAP: there is one of that name (`errnoCode: 'EEXIST'`), or no room for it (`'ENOSPC'`, with `requested` and
   *   `free` in bytes), or the system refuses.
   * @throws ERR_RALLOC_SEGMENT_INVALID, ERR_RALLOC_SEGMENT_VERSION: the name is that of another file; ERR_RALLOC_MAP where that is a
   *   folder, a link or a socket.
   * @throws ERR_RALLOC_SEGMENT_TIMEOUT: on macOS and Windows another process is making it, and has not finished after `timeoutMs`.
   * @throws ERR_RALLOC_UNSUPPORTED: on systems other than Linux, macOS and Windows (with null: than Linux), and without the binary.
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
   * Ends a name. Returns whether there was a slab of that name. Those who have the slab keep it, and the last of them frees its
   * memory. The name can be used again at once.
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
   * The participants that have it open, the oldest first.
   * @throws ERR_RALLOC_CLOSED.
   */
  participants(): SlabParticipant[];
  /**
   * Frees the slots of processes that died, and returns who they were. This also happens when somebody opens the slab, and when slots run
   * out. Walks over all slots (100,000: some ms). Empty for a slab of one process.
   * @throws ERR_RALLOC_CLOSED; ERR_RALLOC_UNSUPPORTED: other code closed the descriptor of a slab without a name.
   */
  recover(): SlabRecovered[];

  /**
   * Binds the memory of the slots to one NUMA node (mbind), an integer from 0 to 2³² − 1, for all participants. Before first
   * use: as long as this `Slab` has handed out no Buffer, and nobody else has or caches a slot. What is there already
   * is moved. On an error nothing has changed.
   * @throws ERR_RALLOC_IN_USE: too late; `inUse` is the number of slots that are in use.
   * @throws ERR_RALLOC_MAP: the system refuses, with `syscall: 'mbind'`: there is no such node (`errnoCode: 'EINVAL'`), pages cannot be moved
   *   since others have touched them (`'EIO'`), or a filter of system calls, as Docker's (`'EPERM'`).
   * @throws ERR_RALLOC_UNSUPPORTED: on macOS and Windows, and without the binary.
   * @throws ERR_RALLOC_CLOSED, and ERR_RALLOC_INVALID_ARGUMENT.
   */
  bind(numaNode: number): void;
  /**
   * Keeps the memory of the slots in RAM until `close()` (mlock), those that come later too. It is taken at once. Of a slab that is shared
   * the mapping of this thread: each that wants to be sure calls it. Before first use: as long as this `Slab` has handed out
   * no Buffer. The second call does nothing. On an error nothing has changed.
   * @throws ERR_RALLOC_IN_USE: too late.
   * @throws ERR_RALLOC_MAP: more than the process may lock (`RLIMIT_MEMLOCK`), with `syscall: 'mlock'`.
   * @throws ERR_RALLOC_UNSUPPORTED: without the binary.
   * @throws ERR_RALLOC_CLOSED.
   */
  lock(): void;

  /**
   * What `Slab.attach()` takes in another thread. It is the same every time. It keeps nothing alive: the slab exists as
   * long as one thread uses it.
   * @throws ERR_RALLOC_UNSUPPORTED: a slab that can grow or has more than 2²² slots, no binary, or a
   *   system that cannot share such memory. In worker threads it works, although `ralloc.backend` is `'js'` there.
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
