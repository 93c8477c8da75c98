// Debug mode: what it watches, and what it reports.

/**
 * How much debug mode watches: nothing; one of `sampleEvery` allocations, by chance; or all. It is RALLOC_DEBUG in the environment (`off`, `sample`, `full`) until
 * `configureDebug()` changes it; if that is not set, it is `sample` if NODE_ENV is `development`, and `off` otherwise.
 */
export type DebugLevel = 'off' | 'sample' | 'full';

export interface DebugOptions {
  level?: DebugLevel | undefined;
  /**
   * With `sample`, one of so many allocations is watched: an integer from 1 to 2147483647. Unless it is 1, a thread watches 100 a second at most.
   * @default 128
   */
  sampleEvery?: number | undefined;
  /**
   * The most frames of a stack, 1 to 64. Each costs time at every allocation that is watched.
   * @default 16
   */
  stackDepth?: number | undefined;
  /**
   * Called with each report, within the call that the report is about; null for none. If it throws, the warning `RALLOC_W_REPORT_FAILED` is emitted once. Misuse that it
   * causes itself is reported after it has returned.
   * @default null
   */
  report?: ((report: DebugReport) => void) | null | undefined;
}

/** What a report is about. docs/guide/debugging.md shows each. */
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

/** A place of a program. Lines and columns count from 1, and are 0 if they are unknown. */
export interface DebugFrame {
  readonly function: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A stack. It is resolved when it is first read, with the source maps that Node or the files have. */
export interface DebugTrace {
  /** The application's, then those of packages; those of ralloc and Node only if there are no others. */
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
  /** Bytes of the Buffer, or of each. */
  readonly size?: number;
  /** Buffers, or how often it has happened. */
  readonly count: number;
  /** Bytes of all of them. */
  readonly bytes: number;
  /** In milliseconds; of the oldest, if there are several. */
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
  /** Of a `response` that was a 5xx: in release its Buffers are quarantined, and not dead. */
  readonly status?: number;
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
 * Checks now the red zones around watched Buffers (`overrun`), the bytes of dead ones (`write-after-free`), and, after a garbage
 * collection, whether Buffers of requests that are over still exist (`kept`). It stops the event loop for a few milliseconds a MiB of the heap.
 * @returns the number of reports, also of causes that were reported before.
 * @throws ERR_RALLOC_UNSUPPORTED: debug mode is off. ERR_RALLOC_CORRUPTED: with `full`, if the records of open objects contradict each other.
 */
export function verify(): number;

/** Buffers or holds from one place that were not freed or released, or an arena, slab or region that is not closed. */
export interface LeakGroup {
  /** Its kind; for Buffers, the kind of memory that they come from. */
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
  /** The request that they belong to, if there is one: `GET /orders`. */
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
 * Everything in this thread that is not freed, released or closed, by the lines that took it: since debug mode is on, and with `sample` only what is watched.
 * No garbage collection is needed: unreachable Buffers are listed too, until they are freed.
 * @throws ERR_RALLOC_UNSUPPORTED: debug mode is off.
 */
export function leakReport(): LeakReport;
