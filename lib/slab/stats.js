'use strict';

// stats() and util.inspect() of a slab. types/slab.d.ts describes every field, as gauge or counter.

const { formatBytes } = require('../base/bytes.js');

const FIELDS = 8; // for each pool
const numbers = new Float64Array(32 * FIELDS);

/**
 * Reads the figures of each pool over all threads: [{ size, count, maxCount, claimed, sent, free
 * }].
 */
function readPools(leased) {
  leased.stats(numbers.fill(0));
  // The fifth is always 0, because slots cached by isolates count as claimed. The last one, the
  // peak, is not used.
  const pools = [];
  for (let i = 0; numbers[i] > 0; i += FIELDS) {
    const [size, count, maxCount, claimed, , sent, free] = numbers.subarray(i, i + FIELDS);
    pools.push({ size, count, maxCount, claimed, sent, free });
  }
  return pools;
}

/** The options of an existing pool that cannot grow. */
const fixedPool = ({ size, count }) => ({
  size,
  count,
  minCount: count,
  maxCount: count,
  asked: count,
});

/** `held + inFlight + cached + elsewhere + sent + free + stolen = count`. */
function openPoolStats(pool, { size, count, maxCount, claimed, sent, free }) {
  pool.purgeStolen();
  const { held, inFlight, top: cached, stolen, peak, promotions, exhaustions, refused } = pool;
  const elsewhere = claimed - pool.claimed; // held or cached by other threads
  const slots = { held, inFlight, cached, elsewhere, sent, free, stolen };
  return { size, count, maxCount, ...slots, peak, promotions, exhaustions, refused };
}

/** The figures of a pool without memory: not yet opened (then `pool` is undefined), or closed. */
function closedPoolStats({ size, maxCount }, pool) {
  const slots = { held: 0, inFlight: 0, cached: 0, elsewhere: 0, sent: 0, free: 0, stolen: 0 };
  const { peak = 0, promotions = 0, exhaustions = 0, refused = 0 } = pool ?? {};
  return { size, count: 0, maxCount, ...slots, peak, promotions, exhaustions, refused };
}

const SUMMED = [
  ...['count', 'held', 'inFlight', 'cached', 'elsewhere', 'sent', 'free', 'stolen'],
  ...['promotions', 'exhaustions', 'refused'],
];

const sumOf = (all, of) => all.reduce((sum, one) => sum + of(one), 0);

/**
 * Bytes of the slots in use. An upper bound, because some of the slots `elsewhere` are only cached.
 */
const usedOf = ({ size, held, inFlight, elsewhere, sent }) =>
  size * (held + inFlight + elsewhere + sent);

/** The number of segments over which this thread has, or had, Buffers. */
const segmentsOf = ({ segments }) => segments.filter((ab) => ab?.byteLength > 0).length;

/** The fields of stats(), without those of the guard. */
function slabFigures(core) {
  core.settle();
  const { settings, pools, leased, isLive } = core;
  const isOpen = isLive && leased !== null;
  if (isOpen) for (const pool of pools) pool.releaseMoving();
  const poolStats = isOpen
    ? readPools(leased).map((shared, i) => openPoolStats(pools[i], shared))
    : settings.pools.map((pool, i) => closedPoolStats(pool, pools[i]));
  const sums = {};
  for (const name of SUMMED) sums[name] = sumOf(poolStats, (pool) => pool[name]);
  sums.refused += core.refused;
  return {
    name: settings.name,
    backend: core.backend,
    safety: settings.safety,
    live: isLive,
    shared: core.isShared,
    participants: isOpen ? leased.participants() : 0,
    limit: settings.maxBytes,
    committed: isOpen ? leased.committed() : 0,
    used: sumOf(poolStats, usedOf),
    segments: isOpen ? sumOf(pools, segmentsOf) : 0,
    ...sums,
    pools: poolStats,
  };
}

function slabStats(core) {
  const { pools, ...figures } = slabFigures(core);
  return { ...figures, guarded: core.guarded.stats(), pools };
}

function describeSlab(core) {
  const { name, backend, safety, live, held, count, pools, participants } = slabFigures(core);
  const sizes = pools.map(({ size }) => formatBytes(size));
  const range = sizes.length === 1 ? sizes[0] : `${sizes[0]} to ${sizes.at(-1)}`;
  const parts = [
    live ? 'live' : 'closed',
    `${held} of ${count} slots held`,
    range,
    safety,
    backend,
  ];
  if (participants > 1) {
    parts.push(`${participants} ${core.settings.between ? 'participants' : 'threads'}`);
  }
  return `Slab${name === '' ? '' : ` '${name}'`} { ${parts.join(', ')} }`;
}

module.exports = { slabFigures, slabStats, describeSlab, readPools, fixedPool };
