// What the whole process has, and figures over time.

import type { ArenaStats } from './arena.js';
import type { DepotStats } from './memory.js';
import type { BodyStats } from './node.js';
import type { RegionStats } from './region.js';
import type { RequestArenaStats } from './request.js';
import type { SlabStats } from './slab.js';

export interface Stats {
  backend: 'native' | 'js';
  depot: DepotStats;
  bodies: BodyStats;
}

/**
 * What all arenas of the process share (of the thread, on the JavaScript backend), and what was released of other memory in this thread.
 */
export function stats(): Stats;

/** What `sampleStats()` can tell of by a name. */
export interface SampledOwner {
  stats(): ArenaStats | SlabStats | RegionStats | RequestArenaStats;
}

export interface SampleStatsOptions<Name extends string = string> {
  /**
   * Name → an arena, a slab, a region, or what `requestArena()` returned. They stay reachable until `stop()`.
   * @default {}
   */
  of?: Readonly<Record<Name, SampledOwner>> | undefined;
  /**
   * Samples that are kept, the last ones: 1 to 1,000,000. Each takes 1 KiB or so.
   * @default 3600
   */
  count?: number | undefined;
}

/** What an arena, a slab or a region had at one time. */
export interface SampledFigures {
  /** Bytes that were handed out; of a middleware the spans that its requests have. */
  readonly used: number;
  /** Bytes that may be backed by memory for them. */
  readonly committed: number;
  /** The part of `committed` that nobody used, 0 to 1: `1 - used / committed`. */
  readonly fragmentation: number;
  /** Pieces of memory: chunks; of a slab its `segments`. */
  readonly chunks: number;
  /** Bytes used of each piece, on average. The more, the closer to each other Buffers lie. */
  readonly perChunk: number;
}

export interface StatsSample<Name extends string = string> {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** What `stats()` told. */
  readonly stats: Stats;
  readonly of: Readonly<Record<Name, SampledFigures>>;
}

export interface StatsSeries<Name extends string = string> extends Disposable {
  /** A new list, the oldest first. */
  readonly samples: StatsSample<Name>[];
  /** No more samples from now on; those that are there stay. The second call does nothing. */
  stop(): void;
  [Symbol.dispose](): void;
}

/**
 * Takes a sample at once, and one each `intervalMs` from then on, until `stop()`. Its timer does not keep the process alive.
 * @param intervalMs - An integer from 1 to 2³¹ − 1.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an argument or option of the wrong name, type or value.
 */
export function sampleStats<Name extends string = never>(
  intervalMs: number,
  options?: SampleStatsOptions<Name>,
): StatsSeries<Name>;
