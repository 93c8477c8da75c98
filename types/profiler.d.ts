// The profiler of Buffers.

export interface ProfilerOptions {
  /**
   * The file to write. An earlier profile of this name is replaced; ERR_RALLOC_PROFILE_FOREIGN if it is any other file that is not
   * empty. By default `ralloc-DATE-TIME-PID.jsonl` in the current folder; in a worker the name has its `threadId` too.
   */
  file?: string | undefined;
  /** Appends to the file, which may be that of other threads and processes: all of them together are one profile. Default: false. */
  append?: boolean | undefined;
  /** How much of the thread's CPU time recording may take; > 0 and <= 1. The rate adapts to it. Default: 0.01, one percent. */
  budget?: number | undefined;
  /** The mean number of bytes between two samples, fixed; an integer >= 1 and <= 2^40. By default it adapts to the budget, from 32 KiB. */
  rate?: number | undefined;
  /**
   * The most bytes of a file, an integer >= 16 MiB. Recording continues in `app.2.jsonl`, `app.3.jsonl` …, which are replaced too. Each can be read alone. Default: no limit.
   */
  maxBytes?: number | undefined;
  /** Also typed arrays and ArrayBuffers that the application makes, which makes `new` of them 2 to 4 times as slow. Default: false. */
  typedArrays?: boolean | undefined;
  /** Takes a `snapshot()` at each of these signals, in the main thread; 'SIGBREAK' on Windows. Default: none. */
  snapshotSignal?: 'SIGUSR1' | 'SIGUSR2' | 'SIGHUP' | 'SIGBREAK' | undefined;
  /**
   * Takes a `snapshot()` when ArrayBuffers take more bytes than this, looked at every 2 s, and the next when they take twice as many; an integer >= 1.
   * Default: never.
   */
  snapshotAbove?: number | undefined;
}

/**
 * Records which lines of the application allocate Buffers, and how long these live, in production; `ralloc report FILE` shows it.
 * During development `ralloc profile -- node app.js` records all threads and children from their start.
 */
export const profiler: {
  /**
   * Records this thread (others call it themselves). Appends to the file every 2 s; a process that is killed loses no more. If the file
   * cannot be written any more, as on a full disk, it stops, and emits the warning RALLOC_PROFILE_STOPPED.
   *
   * @returns the absolute name of the file
   * @throws ERR_RALLOC_PROFILE_RUNNING while this thread is recorded, also by `ralloc profile`; ERR_RALLOC_PROFILE_UNWRITABLE;
   * ERR_RALLOC_PROFILE_FOREIGN; ERR_RALLOC_INVALID_ARGUMENT
   */
  start(options?: ProfilerOptions): string;
  /**
   * The same in memory: nothing is written, and `pprof()` has what was recorded. It takes some 200 bytes for each site, size and lifetime.
   *
   * @returns null
   */
  start(options: Omit<ProfilerOptions, 'file' | 'append' | 'maxBytes'> & { file: null }): null;
  /**
   * Everything recorded since `start({ file: null })`, allocated and alive, as a gzipped `profile.proto`, for an agent that sends profiles on.
   * It reads source maps.
   *
   * @returns undefined if nothing is recorded in memory
   */
  pprof(): Buffer | undefined;
  /**
   * Writes a heap snapshot of V8, which `ralloc holders` reads: who holds the Buffers and, if this thread is recorded, which lines allocated them. This blocks the thread,
   * for seconds with a heap of some hundred MB, and V8 takes many times the heap's memory: a container can end the process for it.
   *
   * @param file Default: `PROFILE.PID.1.heapsnapshot`, in the folder of the profile, or of the process without one.
   * @returns its absolute name
   * @throws ERR_RALLOC_PROFILE_UNWRITABLE; ERR_RALLOC_PROFILE_FOREIGN; ERR_RALLOC_INVALID_ARGUMENT
   */
  snapshot(file?: string): string;
  /**
   * Stops recording, and restores Node's functions. It collects garbage first, so that only live Buffers count as alive; this stops the event loop. The end of the
   * thread does the same.
   *
   * @returns the name of the file, or null if it was in memory; undefined if nothing was being recorded
   */
  stop(): string | null | undefined;
};
