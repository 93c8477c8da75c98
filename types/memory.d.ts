// The memory behind arenas and slabs: which pages it has, and what is in use.

/**
 * What kind of pages an arena or slab uses. An option that the system does not have throws `ERR_RALLOC_UNSUPPORTED`, as
 * all of them do without the binary, and for arenas in worker threads. Memory that the system refuses throws `ERR_RALLOC_MAP`, with its `syscall` and
 * `errno`. The constructor tries a small piece of such memory and throws these errors; an allocation that cannot get more
 * throws them too.
 */
export interface MemoryOptions {
  /**
   * Chunks in huge pages, and so multiples of 2 MiB, for fewer TLB misses. `maxBytes` must be at least 2 MiB.
   *
   * - `'advise'`: transparent huge pages, as many as the kernel finds.
   * - `'prefer'`: pages of the system's pool of huge pages, or transparent ones if it has none to give;
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

/**
 * The memory of an arena. It consists of chunks, and each chunk is cut into one or more spans. A span is the bytes of one
 * ArrayBuffer. The numbers are gauges in bytes, unless stated otherwise. docs/reference/glossary.md explains the words.
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
  /** Memory that `adopt()` and `chunks()` have taken over, also while something holds it after a reset. It is in no chunk. */
  adopted: number;
  /** Address space of the chunks. */
  reserved: number;
  /** The part of `reserved` that may be backed by memory: all but chunks in limbo that idle trimming emptied. */
  committed: number;
  /** Gauge, a number of chunks. */
  chunks: number;
  /** Gauge, a number of ArrayBuffers whose finalizer has not run. */
  pins: number;
  /** Counter: leases that took a used chunk. */
  recycled: number;
  /** Counter: leases that mapped a fresh chunk. */
  mapped: number;
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
  /** Bytes of it that are in RAM now. The same as `committed` on the JavaScript backend: only V8 knows. */
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
