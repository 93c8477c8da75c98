'use strict';

// What a slab tells of itself. Every field is described in index.d.ts, as gauge or counter.

const { formatBytes } = require('../base/bytes.js');

const registers = new Float64Array(32 * 8);

/** `held + cached + elsewhere + sent + free + stolen = count`. */
function poolStats(pool, [size, count, maxCount, claimed, , sent, free]) {
  pool.purge();
  const { held, top: cached, stolen, promotions, exhaustions, refused } = pool;
  const elsewhere = claimed - pool.claimed; // in other threads' hands and caches
  const slots = { held, cached, elsewhere, sent, free, stolen };
  const counters = { peak: pool.peak, promotions, exhaustions, refused };
  return { size, count, maxCount, ...slots, ...counters };
}

/** Of a pool that is not there: not yet, or not any more. */
function absentStats({ size, maxCount }, pool) {
  const none = { held: 0, cached: 0, elsewhere: 0, sent: 0, free: 0, stolen: 0 };
  const { peak = 0, promotions = 0, exhaustions = 0, refused = 0 } = pool ?? {};
  return { size, count: 0, maxCount, ...none, peak, promotions, exhaustions, refused };
}

const SUMS = [
  ...['count', 'held', 'cached', 'elsewhere', 'sent', 'free', 'stolen'],
  ...['promotions', 'exhaustions', 'refused'],
];

function slabStats(core) {
  const { settings, pools, leased, isLive } = core;
  const isThere = isLive && leased !== null;
  if (isThere) leased.stats(registers);
  const each = settings.pools.map((one, i) =>
    isThere
      ? poolStats(pools[i], registers.subarray(i * 8, i * 8 + 8))
      : absentStats(one, pools[i]),
  );
  const sums = Object.fromEntries(
    SUMS.map((name) => [name, each.reduce((sum, pool) => sum + pool[name], 0)]),
  );
  sums.refused += core.refused;
  return {
    name: settings.name,
    backend: core.backend,
    safety: settings.safety,
    live: isLive,
    shared: core.isShared,
    participants: isThere ? leased.participants() : 0,
    limit: settings.maxBytes,
    committed: isThere ? leased.committed() : 0,
    ...sums,
    pools: each,
  };
}

function slabLine(core) {
  const { name, backend, safety, live, held, count, pools, participants } = slabStats(core);
  const sizes = pools.map(({ size }) => formatBytes(size));
  const range = sizes.length === 1 ? sizes[0] : `${sizes[0]} to ${sizes.at(-1)}`;
  const parts = [
    live ? 'live' : 'closed',
    `${held} of ${count} slots held`,
    range,
    safety,
    backend,
  ];
  if (participants > 1) parts.push(`${participants} threads`);
  return `Slab${name === '' ? '' : ` '${name}'`} { ${parts.join(', ')} }`;
}

module.exports = { slabStats, slabLine };
