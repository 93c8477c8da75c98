'use strict';

// What an arena tells of itself. Every field is described in index.d.ts, as gauge or counter.

const { formatBytes } = require('../base/bytes.js');
const { backend } = require('../memory/native.js');

function arenaStats(described, owner) {
  const { name, safety } = owner.settings;
  const { pool, limit } = owner;
  const guarded = pool.guarded.stats();
  const expired = { ...pool.parked.expired };
  return { name, backend, safety, limit, ...described, expired, guarded, memory: pool.stats() };
}

function arenaLine({ live, allocated, spans, scopes, holds }, owner) {
  const { name, safety } = owner.settings;
  const { pool } = owner;
  const parts = [
    live ? 'live' : 'closed',
    `${formatBytes(allocated)} of ${formatBytes(owner.limit)} in ${spans} span${spans === 1 ? '' : 's'}`,
    safety,
    backend,
  ];
  if (scopes > 0) parts.push(`${scopes} scope${scopes === 1 ? '' : 's'}`);
  if (holds > 0) parts.push(`${holds} hold${holds === 1 ? '' : 's'}`);
  if (live && !owner.ofRequest) parts.push(...pool.waiting());
  return `Arena${name === '' ? '' : ` '${name}'`} { ${parts.join(', ')} }`;
}

module.exports = { arenaStats, arenaLine };
