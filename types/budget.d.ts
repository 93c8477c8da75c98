// Budgets: limits of bytes that a program sets itself.

export interface BudgetOptions {
  /** A name for errors, `stats()` and `util.inspect()`. */
  name?: string | undefined;
  /**
   * The most bytes that may be charged at any time, here and to budgets below: an integer from 0 to 2⁵³ - 1. `'auto'` is the memory that the process may use, less what V8's heap may
   * take and 96 MiB, at least an eighth of it; `stats().auto` says how it came about.
   */
  maxBytes: number | 'auto';
  /**
   * With `'auto'`: how many processes or threads have the memory together, as the workers of a cluster. Each has its part: an integer from 1 to 65,536.
   * @default 1
   */
  share?: number | undefined;
  /** The budget that is charged too, whatever is charged to this one. It stays so for good. */
  parent?: Budget | undefined;
  /**
   * Bytes of the parent that nobody else is given: an integer from 0 to `maxBytes`. They count as taken there, used or not. What
   * fits within them is charged whatever the others do. The reserves below a budget are at most its `maxBytes` together.
   * @default 0
   */
  reserve?: number | undefined;
}

export interface BudgetAcquireOptions {
  /** Ends the wait. All waits of a signal end at once. */
  signal?: AbortSignal | undefined;
  /** Ends the wait after so many milliseconds: an integer from 0, which does not wait, to 2³¹ − 1. */
  timeoutMs?: number | undefined;
}

/** Which number says that memory runs out, and of how much it is. Bytes; of `psi` a share of the time. */
export interface BudgetPressureCause {
  /**
   * - `budget`: what is charged, where something did not fit.
   * - `cgroup`: the control group's memory, without the cache of files that nobody has used for a while.
   * - `data`: what `ulimit -d` limits.
   * - `arrayBuffers`: what V8's heap and its ArrayBuffers have, as far as it is in RAM.
   * - `rss`: what of the process is in RAM. It is never critical alone, since memory that the C library keeps for later counts too.
   * - `psi`: how much of the last ten seconds nothing ran since all waited for memory. Of the whole machine, without a control group of version 2, it is never critical.
   */
  of: 'budget' | 'cgroup' | 'data' | 'arrayBuffers' | 'rss' | 'psi';
  value: number;
  limit: number;
}

/** How near the process is to the end of its memory. `high`: a number has come to 85 % of its limit, until it falls below 75 %; `critical`: to 95 %, until it falls below 90 %. */
export type BudgetPressureLevel = 'none' | 'high' | 'critical';

/** What a handler of `onPressure()` is told. */
export interface BudgetPressure {
  /** The name of the budget. */
  budget: string;
  /** Its `maxBytes`. */
  limit: number;
  /** Bytes that were charged when the handler was called. */
  used: number;
  /** Of the process. */
  level: BudgetPressureLevel;
  /** What the handler is called for. Null where the level is `none` again. */
  cause: BudgetPressureCause | null;
}

/** How `maxBytes: 'auto'` came to its number: `max(memory - heap - kept, memory / 8) / share`. Bytes. */
export interface BudgetAuto {
  /** What allows the process least: its cgroup, `ulimit -d`, or the machine's memory. */
  from: 'cgroup' | 'rlimit' | 'machine';
  /** That. */
  memory: number;
  /** What V8's heap may take. */
  heap: number;
  /** For Node itself: 96 MiB, and of `ulimit -d` what counts there without being used. Node 24 and 26 begin with 512 MiB of that. */
  kept: number;
  share: number;
}

/** `used + reserved <= limit`, but for a budget whose limit was lowered. Bytes are gauges, but for `peak`. */
export interface BudgetStats {
  name: string;
  /** False after `close()`. */
  live: boolean;
  /** Bytes: `maxBytes`. */
  limit: number;
  /** How `limit` came about, with `maxBytes: 'auto'` and until `resize()`; else null. */
  auto: BudgetAuto | null;
  /** Bytes that are this budget's own of its parent; 0 once it is closed. */
  reserve: number;
  /** Bytes that are charged, here and to budgets below. */
  used: number;
  /** Bytes that are reserved for budgets below, and not used. */
  reserved: number;
  /** As `budget.available`. */
  available: number;
  /** The most bytes of `used` so far. */
  peak: number;
  /** Gauge: charges of this budget itself that are not released. */
  charges: number;
  /** Gauge: calls of `acquire()` that wait, here and below. */
  waiting: number;
  /** Counter: charges, here and below, and growth of charges, that were refused at once since this budget was full. */
  refused: number;
  /** Counter: calls of `acquire()` of this budget itself that had to wait. */
  waited: number;
  /** Counter: of those, the ones whose `timeoutMs` was over. */
  timedOut: number;
  /** Counter: of those, the ones that their signal aborted. */
  aborted: number;
  /** Of the process, as it was when it was last looked at; that is at least every 100 ms while anything is charged to any budget. */
  pressure: { level: BudgetPressureLevel; cause: BudgetPressureCause | null };
}

/**
 * Bytes that are charged to a budget and all above it, until `release()`. ralloc does not know what they are for. A charge that
 * nobody has any more stays charged, until its budget is collected too.
 */
export interface Charge extends Disposable {
  /** 0 once it is released. */
  readonly bytes: number;
  /**
   * Charges `bytes` more, or none. It does not wait, since two that hold and wait could stop each other for ever, and it does not stand behind those who wait: they
   * get what they wait for when those are done who have begun. A charge of 0 bytes stands behind them.
   * @throws ERR_RALLOC_LIMIT: a budget is full. ERR_RALLOC_CLOSED: the budget is closed, or the charge released.
   */
  grow(bytes: number): void;
  /** The same; false where that throws `ERR_RALLOC_LIMIT`. */
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
 * A limit of bytes, which other budgets can stand below. A charge is one of all above too, and is refused where any of them is full.
 *
 * Who waits in `acquire()` is served in order within a budget. Budgets below one, and its own waiters, take turns. What
 * becomes free is kept for the one whose turn it is; new charges that need it are refused, or wait behind. One that its own budget
 * blocks, since that is full, holds up nobody outside of it.
 *
 * Every method that is given bytes throws a TypeError or RangeError with code `ERR_RALLOC_INVALID_ARGUMENT` for what is no integer from 0 to 2⁵³ - 1, and
 * nothing has changed then; `acquire()` rejects with it. What charges 0 bytes is never refused.
 */
export class Budget {
  /**
   * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value; a parent of another copy of ralloc; a reserve without a parent, or one that the parent can
   * never give. ERR_RALLOC_UNSUPPORTED: `'auto'` where the system tells no limit. ERR_RALLOC_CLOSED: the parent is. ERR_RALLOC_LIMIT: the reserve does not fit there now.
   */
  constructor(options: BudgetOptions);

  /** The option `name`; empty without one. */
  readonly name: string;
  readonly parent: Budget | undefined;
  /** Bytes that are charged, here and to budgets below. */
  readonly used: number;
  /** The most bytes that `tryCharge()` would charge now. 0 where others wait for what is left. */
  readonly available: number;

  /**
   * Charges `bytes`; null, and nothing, where a budget is full.
   * @throws ERR_RALLOC_CLOSED.
   */
  tryCharge(bytes: number): Charge | null;
  /**
   * The same.
   * @throws ERR_RALLOC_LIMIT: a budget is full. The error has its name (`budget`), and its message says who has the bytes.
   */
  charge(bytes: number): Charge;
  /**
   * The same, and waits while a budget is full. **Do not call it while you hold a charge of the same budgets**: others may do so too and wait for yours. Let the
   * charge grow, or ask for all at once. It rejects
   * - with `ERR_RALLOC_LIMIT`, at once where `bytes` never fit, whatever is released; also while it waits, where `resize()` or another's reserve leaves
   *   no room; and after `timeoutMs`, which is `waitedMs` of the error,
   * - with `ERR_RALLOC_ABORTED` when `signal` is, whose reason is the error's `cause`,
   * - with `ERR_RALLOC_CLOSED`, also when the budget is closed while it waits.
   */
  acquire(bytes: number, options?: BudgetAcquireOptions): Promise<Charge>;

  /**
   * Calls `handler` when something does not fit since this budget is full: a cache may give something back. It is called soon after, outside of the caller, and once for all that did not fit meanwhile.
   * It is also called when the process comes to another level of pressure while something is charged to the budget's tree. Returns a function that ends it.
   */
  onPressure(handler: (pressure: BudgetPressure) => void): () => void;
  /**
   * Sets `maxBytes`. Below what is charged nothing is taken away: nothing more is charged until enough is released. Who waits for more than will ever be free is refused; to find them all that
   * wait here and below are looked at.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: less than what is reserved, here and for budgets below. ERR_RALLOC_CLOSED.
   */
  resize(maxBytes: number): void;
  /**
   * Charges nothing any more, here and below; who waits is refused with `ERR_RALLOC_CLOSED`, and the reserve is the parent's again. What is charged stays so until it is released. The second call does nothing.
   */
  close(): void;
  stats(): BudgetStats;
}
