// Budgets: limits of bytes that a program sets itself.

export interface BudgetOptions {
  /** A name for errors, `stats()` and `util.inspect()`. */
  name?: string | undefined;
  /**
   * The most bytes that may be charged at any time, here and to budgets below: an integer from 0 to 2⁵³ - 1. `'auto'` is the memory that the process may use, or its `share` of it, less V8's heap
   * limit and 96 MiB, and at least an eighth of that; `stats().auto` shows the calculation.
   */
  maxBytes: number | 'auto';
  /**
   * With `'auto'`: how many processes or threads share the memory, such as the workers of a cluster, and one more if they are replaced one after another. Each has an equal part of it, from which its own heap and Node are taken: an integer from 1 to 65,536.
   * @default 1
   */
  share?: number | undefined;
  /** The budget that every charge to this one is charged to as well. It cannot be changed. */
  parent?: Budget | undefined;
  /**
   * Bytes of the parent for this budget alone: an integer from 0 to `maxBytes`. They count as taken there, used or not, so a charge that
   * fits within them always succeeds. The reserves below a budget are at most its `maxBytes` together.
   * @default 0
   */
  reserve?: number | undefined;
}

export interface BudgetAcquireOptions {
  /** Ends the wait. All waits with the same signal end at once. */
  signal?: AbortSignal | undefined;
  /** Ends the wait after so many milliseconds: an integer from 0 (does not wait) to 2³¹ − 1. */
  timeoutMs?: number | undefined;
}

/** The number that shows that memory runs out, and its limit. Bytes, but a share of the time for `psi`. */
export interface BudgetPressureCause {
  /**
   * - `budget`: something did not fit into the budget; `value` is what is charged.
   * - `cgroup`: the memory of the control group, without inactive file cache.
   * - `data`: the memory that `ulimit -d` limits.
   * - `arrayBuffers`: V8's heap and ArrayBuffers, as far as they are in RAM.
   * - `rss`: the resident memory of the process. It is never critical alone, since it includes memory that the C library keeps for later.
   * - `psi`: the share of the last ten seconds in which every task waited for memory. Without a control group of version 2 it is the machine's, and never critical.
   */
  of: 'budget' | 'cgroup' | 'data' | 'arrayBuffers' | 'rss' | 'psi';
  value: number;
  limit: number;
}

/** How near the process is to its memory limit. `high`: a number is at 85 % of its limit or more, until it falls below 75 %. `critical`: at 95 % or more, until it falls below 90 %. For `psi`: 10 % until 5 %, 40 % until 20 %. */
export type BudgetPressureLevel = 'none' | 'high' | 'critical';

/** The argument of a handler of `onPressure()`. */
export interface BudgetPressure {
  /** The name of the budget. */
  budget: string;
  /** Its `maxBytes`. */
  limit: number;
  /** Bytes that were charged when the handler was called. */
  used: number;
  /** The level of the process. */
  level: BudgetPressureLevel;
  /** Why the handler is called. Null if the level is `none` again. */
  cause: BudgetPressureCause | null;
}

/** How `maxBytes: 'auto'` was computed: `max(memory / share - heap - kept, memory / share / 8)`. Bytes. */
export interface BudgetAuto {
  /** The smallest limit: the cgroup, `ulimit -d`, or the machine's memory. */
  from: 'cgroup' | 'rlimit' | 'machine';
  /** The bytes of that limit. */
  memory: number;
  /** V8's heap limit. */
  heap: number;
  /** For Node itself: 96 MiB. With `ulimit -d` also memory that counts there without being used: Node 24 and 26 start with 512 MiB of it. */
  kept: number;
  share: number;
}

/** `used + reserved <= limit`, unless the limit was lowered. Bytes are gauges, except `peak`. */
export interface BudgetStats {
  name: string;
  /** False after `close()`. */
  live: boolean;
  /** Bytes: `maxBytes`. */
  limit: number;
  /** How `'auto'` computed `limit`; null without it and after `resize()`. */
  auto: BudgetAuto | null;
  /** The reserve of this budget in its parent; 0 once it is closed. */
  reserve: number;
  /** Bytes that are charged, here and to budgets below. */
  used: number;
  /** Bytes that are reserved for budgets below and not used. */
  reserved: number;
  /** As `budget.available`. */
  available: number;
  /** The most that `used` has been. */
  peak: number;
  /** Gauge: unreleased charges of this budget itself. */
  charges: number;
  /** Gauge: calls of `acquire()` that wait, here and below. */
  waiting: number;
  /** Counter: charges and growths of charges, here and below, that were refused at once because this budget was full. */
  refused: number;
  /** Counter: calls of `acquire()` of this budget itself that had to wait. */
  waited: number;
  /** Counter: waits that ended by `timeoutMs`. */
  timedOut: number;
  /** Counter: waits that ended by their signal. */
  aborted: number;
  /** The pressure of the process at the last check. It is checked at least every 100 ms while anything is charged to any budget. */
  pressure: { level: BudgetPressureLevel; cause: BudgetPressureCause | null };
}

/**
 * Bytes that are charged to a budget and all above it, until `release()`. ralloc does not know what they are for. A charge that
 * you drop without a release stays charged until its budget is collected as well.
 */
export interface Charge extends Disposable {
  /** 0 once it is released. */
  readonly bytes: number;
  /**
   * Charges `bytes` more, or none. It never waits: two charges that wait for each other would never end. It may overtake those who wait in `acquire()`, since they are served
   * when charges that have begun are released. A charge of 0 bytes does not overtake them.
   * @throws ERR_RALLOC_LIMIT: a budget is full. ERR_RALLOC_CLOSED: the budget is closed, or the charge released.
   */
  grow(bytes: number): void;
  /** The same, but returns false instead of throwing `ERR_RALLOC_LIMIT`. */
  tryGrow(bytes: number): boolean;
  /**
   * Gives `bytes` of the charge back.
   * @throws ERR_RALLOC_CLOSED: the charge is released.
   */
  shrink(bytes: number): void;
  /** Gives all bytes back, also once the budget is closed. The second call does nothing. */
  release(): void;
  /** `release()`. */
  [Symbol.dispose](): void;
}

/**
 * A limit of bytes. Budgets form trees: a charge is charged to all budgets above as well, and refused if one of them is full.
 *
 * Calls of `acquire()` are served in order within a budget. The budgets below one, and its own waiters, take turns. Memory that
 * becomes free is kept for the one whose turn it is; new charges that need it are refused, or wait behind. A waiter whose own budget is
 * full holds up nobody outside of it.
 *
 * Every method that takes bytes throws a TypeError or RangeError with code `ERR_RALLOC_INVALID_ARGUMENT` for anything but an integer from 0 to 2⁵³ - 1, and
 * nothing has changed then; `acquire()` rejects with it. A charge of 0 bytes is never refused.
 */
export class Budget {
  /**
   * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value; a parent of another copy of ralloc; a reserve without a parent, or one that the parent can
   * never give. ERR_RALLOC_UNSUPPORTED: `'auto'` on a system without a known limit. ERR_RALLOC_CLOSED: the parent is. ERR_RALLOC_LIMIT: the reserve does not fit there now.
   */
  constructor(options: BudgetOptions);

  /** The option `name`, or an empty string. */
  readonly name: string;
  readonly parent: Budget | undefined;
  /** Bytes that are charged, here and to budgets below. */
  readonly used: number;
  /** The most bytes that `tryCharge()` would charge now. 0 while others wait for what is left. */
  readonly available: number;

  /**
   * Charges `bytes`. Returns null, and charges nothing, if a budget is full.
   * @throws ERR_RALLOC_CLOSED.
   */
  tryCharge(bytes: number): Charge | null;
  /**
   * The same, but throws if a budget is full.
   * @throws ERR_RALLOC_LIMIT: a budget is full. The error has its name (`budget`), and its message says who has the bytes.
   */
  charge(bytes: number): Charge;
  /**
   * The same, but waits while a budget is full. **Do not call it while you hold a charge of the same budgets**: others may do the same and wait for yours. Let the
   * charge grow, or ask for all at once. It rejects
   * - with `ERR_RALLOC_LIMIT`: at once if `bytes` can never fit, while it waits if `resize()` or another reserve leaves no
   *   room, and after `timeoutMs`, which is `waitedMs` of the error,
   * - with `ERR_RALLOC_ABORTED` when `signal` is aborted, whose reason is the error's `cause`,
   * - with `ERR_RALLOC_CLOSED`, also when the budget is closed while it waits.
   */
  acquire(bytes: number, options?: BudgetAcquireOptions): Promise<Charge>;

  /**
   * Calls `handler` when something does not fit because this budget is full, so that a cache can give something back. It is called in a tick of its own, once for all that did not fit meanwhile.
   * It is also called when the pressure of the process reaches another level while something is charged to the budget's tree. Returns a function that removes it.
   */
  onPressure(handler: (pressure: BudgetPressure) => void): () => void;
  /**
   * Sets `maxBytes`. If more than that is charged, it stays charged, and nothing more is charged until enough is released. Waits for more than can ever be free are refused, which takes a look at
   * all waits here and below.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: less than what is reserved, here and for budgets below. ERR_RALLOC_CLOSED.
   */
  resize(maxBytes: number): void;
  /**
   * Closes this budget and all below. Waits are refused with `ERR_RALLOC_CLOSED`, and the reserve goes back to the parent. What is charged stays charged until it is released. The second call does nothing.
   */
  close(): void;
  stats(): BudgetStats;
}
