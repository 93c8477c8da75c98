// Sites: places that allocate, whose memory a table of `ralloc bake` chooses.

import type { ArenaBuffer, Fill } from './buffer.js';
import type { Hold } from './hold.js';
import type { RegionStats } from './region.js';
import type { SlabStats } from './slab.js';

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
 * Reads a table of `ralloc bake` for all sites of this thread, present and future. If it throws, nothing of the table is used. A later one
 * takes the place of an earlier one. Without a call, the first `site()` of a thread reads the table that the environment variable `RALLOC_TABLE` names.
 * @throws ERR_RALLOC_TABLE_INVALID, ERR_RALLOC_TABLE_VERSION: see there.
 * @throws ERR_RALLOC_TABLE_FOREIGN: the table is of another application.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an argument or option of the wrong name, type or value.
 * @throws ERR_RALLOC_UNSUPPORTED: the slab or the region is in use already, with another limit.
 */
export function loadTable(file: string | URL, options?: LoadTableOptions): void;

export interface SiteStats {
  name: string;
  /** What the table says of the site as a whole; null if it does not name the site. */
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
 * A place of the application that allocates. Each method returns what Buffer's method of that name does, byte for byte and error for error; the table decides
 * whose memory it is.
 */
export interface Site {
  readonly name: string;
  alloc(size: number, fill?: Fill, encoding?: BufferEncoding): ArenaBuffer;
  allocUnsafe(size: number): ArenaBuffer;
  from: typeof Buffer.from;
  concat: typeof Buffer.concat;
  /**
   * Frees a Buffer of the slab or the region of sites; if somebody holds it, at the last release. Returns false if nobody has to free it: it is
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
