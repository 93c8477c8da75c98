// Errors, and their codes.

import type { DebugReport } from './debug.js';

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
  /** LIMIT of a `Budget`: the name of the one that was full; the message says who has its bytes. */
  readonly budget?: string;
  /**
   * LIMIT and MAP, of a request: 413 if it asked for more than it may have, 503 if all requests together have what there
   * is. Of bodies and streams 413 over their limit, and 400 if they were cut off. Of a `Budget` 413 if the bytes never fit, 503 if a budget without a parent
   * is full, 429 if another one is, and 400 for a wait that was aborted. Frameworks answer with it if nobody handles the error.
   */
  readonly status?: 400 | 413 | 429 | 503;
  /** The same. */
  readonly statusCode?: 400 | 413 | 429 | 503;
  /** With `status`: the answer, for Hono. */
  readonly getResponse?: () => Response;
  /** IN_USE: Buffers that nobody has freed. */
  readonly inUse?: number;
  /** MAP: the system call that failed. */
  readonly syscall?: string;
  /** MAP: its error number, and name. */
  readonly errno?: number;
  readonly errnoCode?: string;
  /** MAP, if there is no room for a slab that processes share: the bytes that are free. */
  readonly free?: number;
  /** SEGMENT_INVALID: what differs, in words. */
  readonly field?: string;
  /** SEGMENT_INVALID, SEGMENT_VERSION, PROFILE_VERSION, TABLE_VERSION: what is there. TABLE_FOREIGN: the name of its application. */
  readonly found?: string | number | bigint;
  /** SEGMENT_INVALID, SEGMENT_VERSION: what there should be. PROFILE_VERSION, TABLE_VERSION: the newest that can be read. TABLE_FOREIGN: the name of this one. */
  readonly expected?: string | number | bigint;
  /** PROFILE_*, TABLE_*: the name of the file, if it has one. */
  readonly file?: string;
  /** SEGMENT_TIMEOUT, LIMIT of `budget.acquire()` with `timeoutMs`: milliseconds. */
  readonly waitedMs?: number;
  /** FRAMEWORK: what the adapter is for, as 'Koa 3'. */
  readonly framework?: string;
  /** FRAMEWORK: the version that it was given, if the framework tells. */
  readonly version?: string;
  /** MISUSE: what was found. */
  readonly reports?: readonly DebugReport[];
}
