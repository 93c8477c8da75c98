'use strict';

// All metrics, in the order of the page, and where their values come from. docs/guide/metrics.md
// has the same table, and a test compares the two.
//
// A source either has a list of objects, and look() returns the figures of one, or null once it is
// closed; or all() returns pairs of a label and its figures. Values of the same label are added,
// also across processes. With `across: 'max'` the largest one counts: for memory that processes
// share, and for peaks.

const v8 = require('node:v8');
const { attempt } = require('../base/attempt.js');
const { instances } = require('../base/instances.js');
const { itemOf } = require('../base/item-of.js');
const { nextTurn } = require('../base/time.js');
const { leastOf, read: readLimits } = require('../budget/auto.js');
const { LEVELS, pressure } = require('../budget/pressure.js');
const { backend } = require('../memory/native.js');
const { inventory, sumsOf } = require('../process/inventory.js');
const { splitNow } = require('../process/split.js');
const { stats } = require('../memory/stats.js');
const { version } = require('../base/version.js');

const SOURCES = {
  budget: {
    labels: ['budget'],
    list: instances.budgets,
    look: (ledger) => (ledger.isClosed ? null : ledger),
  },
  admission: {
    labels: ['budget'],
    list: instances.admissions,
    look: (admission) => admission.stats(),
  },
  mount: {
    labels: ['arena'],
    list: instances.mounts,
    look: (mount) => {
      const { memory, ...counts } = mount.stats();
      const { name, budget } = mount.settings;
      const limit = budget === null && !mount.isClosing ? memory.limit : 0;
      return { ...memory, ...counts, name, limit };
    },
    unnamed: 'request', // the same name as in the stats() of such an arena
  },
  arena: { labels: ['arena'], all: arenaFigures },
  slab: {
    labels: ['slab'],
    list: instances.slabs,
    look: (core) => {
      if (!core.isLive) return null;
      const figures = core.figures();
      const most = figures.pools.reduce((sum, { size, maxCount }) => sum + size * maxCount, 0);
      const room = Math.max(Math.min(figures.limit, most), figures.committed); // including records
      figures.limit = core.share === null ? room : 0;
      if (core.isShared) return { ...figures, all: figures };
      return { ...figures, own: { ...figures, free: figures.free + figures.cached } };
    },
  },
  region: {
    labels: ['region'],
    list: instances.regions,
    look: (core) => {
      if (!core.isLive) return null;
      const figures = core.figures();
      if (core.settings.budget !== null) figures.limit = 0;
      return figures;
    },
  },
  guard: { labels: ['kind'], list: instances.guards, look: (counts) => counts },
  left: { labels: ['reason'], all: () => Object.entries(stats().bodies.left) },
  node: { labels: [], all: () => [['', stats()]] },
  process: { labels: [], all: () => [['', processFigures()]] },
  memory: { labels: ['kind'], all: () => memoryKinds() },
  waiting: { labels: ['kind'], all: () => sumsOf(inventory().rows) },
  limit: { labels: [], list: instances.limits, look: (limit) => limit.stats() },
  build: {
    labels: ['version', 'backend'],
    all: () => [[`${version} ${backend}`, 1]],
    valuesOf: () => [version, backend],
  },
};

const noBytes = () => ({ limit: 0, leased: 0, warm: 0, held: 0, adopted: 0, quarantined: 0 });

/**
 * Name -> the sums of its arenas. One object per arena would take half a millisecond more for
 * 10,000 of them.
 */
function arenaFigures() {
  const all = new Map();
  for (const pool of instances.arenas.living()) {
    if (pool.window === null) continue; // closed, and kept for another
    pool.addTo(itemOf(all, pool.name, noBytes));
  }
  return all;
}

let split;

/** The split of now: the same for all metrics of a page. */
function splitOfPage() {
  if (split === undefined) {
    split = splitNow();
    nextTurn(() => {
      split = undefined;
    });
  }
  return split;
}

/** RSS by the kind of memory, under names as Prometheus has them. */
const memoryKinds = () =>
  Object.entries(splitOfPage().parts)
    .filter(([, bytes]) => bytes !== undefined)
    .map(([kind, bytes]) => [
      kind.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      bytes,
    ]);

/** A figure that cannot be read is undefined, for example if no file can be opened. */
function processFigures() {
  const [, memory] = leastOf(readLimits());
  const { heap_size_limit: heap } = v8.getHeapStatistics();
  let budgets = 0;
  for (const { isClosed, isTenant, parent, limit } of instances.budgets.living()) {
    if (!(isClosed || isTenant) && parent === null) budgets += limit;
  }
  const level = LEVELS.indexOf(pressure.state.level);
  const rss = attempt(() => splitOfPage().rss, undefined);
  return { memory: memory === Infinity ? undefined : memory, heap, budgets, rss, level };
}

/**
 * Source, name, path within the figures, help. Counters end with _total. `max`: the largest of
 * several values, not their sum.
 */
const TABLE = `
  build    build_info                       =                 max  The version of ralloc, and its backend. Always 1.
  process  process_resident_bytes           rss                    Bytes of the process that are in RAM.
  memory   process_memory_bytes             =                      Bytes of the process in RAM, by kind. Unknown kinds are in native.
  waiting  process_waiting_bytes            bytes                  Bytes in queues of Node, in bodies of requests, and in open streams of node:zlib, by kind.
  waiting  process_waiting                  count                  Sockets, responses, files, bodies and streams that have them.
  process  process_memory_limit_bytes       memory            max  Bytes that the process may use, by its cgroup, ulimit -d or the machine.
  process  process_heap_limit_bytes         heap                   Bytes that V8's heap may take.
  process  process_budgets_limit_bytes      budgets                The most bytes that all budgets without a parent may have charged.
  process  process_pressure_level           level             max  Pressure of memory, while a budget is charged: 0 none, 1 high, 2 critical.
  budget   budget_limit_bytes               limit                  The most bytes that may be charged.
  budget   budget_used_bytes                used                   Bytes that are charged, here and below.
  budget   budget_taken_bytes               taken                  Bytes that are charged or reserved, here and below.
  budget   budget_peak_bytes                peak              max  The most bytes that were ever charged.
  budget   budget_waiting                   waiting                Calls of acquire() that wait, here and below.
  budget   budget_refused_total             counts.refused         Charges that were refused.
  budget   budget_waited_total              counts.waited          Calls of acquire() that had to wait.
  budget   budget_timed_out_total           counts.timedOut        Waits that timed out.
  budget   budget_aborted_total             counts.aborted         Waits that were aborted.
  budget   budget_pressure_total            pressed                Charges that did not fit: they were refused, or had to wait.
  admission admission_open                  open                   Requests whose response is not over.
  admission admission_waiting               waiting                Requests that wait for room.
  admission admission_admitted_total        admitted               Requests with a body that were admitted.
  admission admission_waited_total          waited                 Requests that had to wait.
  admission admission_too_large_total       refused.413            Requests that were answered with 413: they never fit.
  admission admission_key_refused_total     refused.429            Requests that were answered with 429: the budget of their key was full.
  admission admission_refused_total         refused.503            Requests that were answered with 503: there was no room.
  admission admission_stalled_total         stalled                Clients that were disconnected because they did not read.
  mount    arena_requests_total             requests               Requests that were given an arena.
  mount    arena_requests_in_flight         inFlight               Requests that have used their arena and whose response is not over.
  mount    arena_requests_aborted_total     aborted                Requests that had used their arena and whose response was aborted.
  mount    arena_heap_requests_total        heapRequests           Requests that got heap Buffers.
  mount    arena_heap_bytes                 heap.used              Bytes of heap Buffers of requests in flight.
  mount    arena_heap_limit_bytes           heap.limit             The most bytes of heap Buffers that requests in flight may have.
  mount    arena_refused_total              refused                Allocations that threw with status 503.
  mount    arena_late_buffers_total         lateBuffers            Buffers that were allocated after their response.
  mount    arena_long_requests_total        longRequests           Requests that kept all their memory for longer than warnAfterMs.
  mount    arena_holds_expired_total        expired.holds          Holds that were not released within holdMs.
  arenas   arena_limit_bytes                limit                  The most bytes that arenas may have. Those with a budget of their own are not in it.
  arenas   arena_leased_bytes               leased                 Bytes that arenas use.
  arenas   arena_warm_bytes                 warm                   Bytes that are kept for the next requests.
  arenas   arena_held_bytes                 held                   Bytes that wait for holds, and for operations of Node.
  arenas   arena_adopted_bytes              adopted                Bytes that Node allocated and arenas have taken over.
  mount    arena_limbo_bytes                limbo                  Bytes that wait for finalizers.
  arenas   arena_quarantined_bytes          quarantined            Bytes that wait for the garbage collector.
  slab     slab_buffers                     held                   Buffers of this process that are not freed.
  slab     slab_limit_bytes                 own.limit              The most bytes that the slab may have; 0 if it has a budget.
  slab     slab_committed_bytes             own.committed          Bytes of all slots and their records. A slot takes RAM when it is first used.
  slab     slab_used_bytes                  own.used               Bytes of slots that are in use.
  slab     slab_slots                       own.count              Slots that exist.
  slab     slab_free_slots                  own.free               Free slots, including those that this thread caches.
  slab     slab_exhausted_total             exhaustions            Allocations for which there was no slot.
  slab     slab_promoted_total              promotions             Allocations that took a slot of a larger size.
  slab     slab_refused_total               refused                Calls of free() that were refused.
  slab     shared_slab_limit_bytes          all.limit         max  The most bytes that a slab of several threads or processes may have.
  slab     shared_slab_committed_bytes      all.committed     max  Bytes of all its slots and their records.
  slab     shared_slab_used_bytes           all.used          max  Bytes of its slots that are in use, or cached by a thread.
  slab     shared_slab_slots                all.count         max  Slots that it has.
  slab     shared_slab_free_slots           all.free          max  Free slots that no thread caches.
  slab     shared_slab_participants         all.participants  max  Threads that use it, of all processes.
  region   region_buffers                   held                   Buffers that are not freed.
  region   region_limit_bytes               limit                  The most bytes that the region may have; 0 if it has a budget.
  region   region_reserved_bytes            reserved               Bytes of its chunks.
  region   region_used_bytes                used                   Bytes of blocks that are in use.
  region   region_free_bytes                free                   Bytes of its chunks that are free.
  region   region_fragmentation_ratio       fragmentation     max  The share of the free bytes that is not in the largest piece, 0 to 1.
  region   region_failed_total              failed                 Allocations that got no memory.
  region   region_refused_total             refused                Calls of free() that were refused.
  region   region_collected_bytes_total     collected              Bytes that collect() and collectWhenIdle returned.
  node     depot_reserved_bytes             depot.reserved         Address space of all arenas, and of recycled memory.
  node     depot_committed_bytes            depot.committed        Bytes of it that have memory.
  node     node_released_bytes_total        bodies.released        Bytes that Node allocated and that were freed at once.
  node     node_adopted_bytes_total         bodies.adopted         Bytes that Node allocated and that an arena took over.
  node     node_copied_bytes_total          bodies.copied          Bytes that Node allocated and that were copied into an arena.
  node     pool_block_bytes                 pool.size         max  Bytes of a block of Node's pool of small Buffers, while it is watched.
  node     pool_pinned_ratio                pool.pinned       max  The share of its blocks that small Buffers keep through two major collections, 0 to 1.
  limit    limit_bytes                      limit                  The memory limit of the process.
  limit    limit_used_bytes                 used                   Bytes of it that cannot be freed at once.
  limit    limit_peak_bytes                 peak              max  The most bytes of it that were used.
  limit    limit_unsent_bytes               unsent                 Bytes that clients have not read yet.
  limit    limit_bodies                     bodies                 Requests with a larger body whose response is not over.
  limit    limit_stopped                    stopped                Bodies that are not read for now.
  limit    limit_waiting                    waiting                Requests that wait for room.
  limit    limit_waited_total               waited                 Requests that had to wait.
  limit    limit_too_large_total            refused.413            Requests that were answered with 413: they never fit.
  limit    limit_refused_total              refused.503            Requests that were answered with 503: there was no room in time.
  limit    limit_bodies_cut_total           cut                    Clients that were disconnected because their body did not arrive.
  limit    limit_clients_cut_total          clientsCut             Clients that were disconnected because they did not read.
  limit    limit_collections_total          collections            Garbage collections that the limit requested.
  left     node_left_bytes_total            =                      Bytes that Node allocated and that were left to the collector.
  guard    guard_operations_total           operations             Operations of Node that the guard held memory for.
  guard    guard_bytes_total                bytes                  Bytes of the Buffers that they were given.
`;

/** Returns a function that reads `a.b`, or undefined if there is no `a`. */
function readerOf(path) {
  if (path === '=') return (figures) => figures;
  const [first, second] = path.split('.');
  return second === undefined ? (figures) => figures[first] : (figures) => figures[first]?.[second];
}

function metricOf(line) {
  const [, source, name, path, max, help] = /^(\S+) +(\S+) +(\S+) +(max )? *(.+)$/.exec(line);
  const type = name.endsWith('_total') ? 'counter' : 'gauge';
  const sources = source === 'arenas' ? ['mount', 'arena'] : [source];
  const { labels } = SOURCES[sources[0]];
  const across = max === undefined ? 'sum' : 'max';
  return { name: `ralloc_${name}`, type, help, labels, read: readerOf(path), across, sources };
}

const METRICS = TABLE.trim()
  .split('\n')
  .map((line) => metricOf(line.trim()));

module.exports = { METRICS, SOURCES };
