// The flight recorder: who had the memory when the process was killed.

export interface FlightRecorderOptions {
  /** The folder of the recording. It is made if it is not there. Default: one of this user alone in the temporary folder, whose recording is removed at a clean end. */
  dir?: string | undefined;
}

export interface FlightRecorder {
  /** The recording, which `ralloc why` reads. Undefined in worker threads, and if it cannot be written. */
  readonly file: string | undefined;
  /** Ends it. Nothing more is recorded of this process. */
  close(): void;
}

/** How an earlier process of the same program ended. */
export interface PreviousExit {
  /** One line for people: how it ended, how much memory it had, who had it. Its words may change. */
  line: string;
  /**
   * - `'uncaught'`: by an exception that nobody caught,
   * - `'oom'`: killed by the kernel (OOM kill),
   * - `'fatal'`: by V8, which wrote a report (`--report-on-fatalerror`),
   * - `'heap-limit'`, `'limit'`: V8's heap, or the process, had hardly any room left: most likely by that,
   * - `'abort'`: by SIGABRT: by itself, an addon, or V8 without memory,
   * - `'unknown'`: it did not end by itself, and nobody tells how.
   */
  how: 'uncaught' | 'oom' | 'fatal' | 'heap-limit' | 'limit' | 'abort' | 'unknown';
  /** Whether `how` is concluded from its last figures. */
  isLikely: boolean;
  /** What had grown most: `'heap'`, `'buffers'`, `'pool'`, `'garbage'`, `'ralloc'`, `'mallocKept'`, `'zlib'`, `'native'` or `'blocked'`; undefined if nothing is unusual. */
  kind?: string;
  /** By how many bytes. */
  bytes: number;
  /** What to do. */
  advice?: string;
  pid?: number;
  host?: string;
  /** The program's file. */
  app?: string;
  /** When it was last seen, in ISO 8601. */
  at: string;
  /** Its recording. */
  file: string;
}

/**
 * Begins to record this process, as `RALLOC_FLIGHT_RECORDER` with `ralloc/auto` does: a file of at most 1 MiB that is there after SIGKILL. A second call returns the same recording. Where nothing can
 * be written it warns (`RALLOC_FLIGHT_OFF`), and the application goes on.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an unknown option, or `dir` is not a string.
 */
export function flightRecorder(options?: FlightRecorderOptions): FlightRecorder;

/**
 * How the process before this one ended: of the same program, by the newest recording in the same folder, if it did not end by itself and no process was told before. Undefined otherwise, and before
 * this process has a recorder.
 */
export function previousExit(): PreviousExit | undefined;
