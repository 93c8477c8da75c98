'use strict';

// stats() and util.inspect() of an arena. Every field is described in types/arena.d.ts, as gauge or
// counter.

const { formatBytes, many } = require('../base/bytes.js');
const { backend } = require('../memory/native.js');
const { LIVE } = require('./window.js');

/**
 * The figures of a window and its scopes. `ahead`: bytes charged to its owner but not handed out;
 * `lost`: bytes of spans that were transferred away, or that an interrupted call has lost;
 * `adopted`: bytes of adopted memory.
 */
function describeWindow(window) {
  const { holds, resets, spans, state } = window;
  const scopes = Array.from(window.scopes ?? [], describeWindow);
  window.sync();
  const sums = { allocated: 0, adopted: 0, ahead: 0, lost: 0, spans: 0, scopes: scopes.length };
  for (const { ab, used, end, adopted: memory } of spans) {
    if (memory !== null) {
      sums.adopted += end;
    } else if (ab === null) {
      sums.lost += end;
    } else {
      sums.spans++;
      sums.allocated += used;
      sums.ahead += Math.max(end - used, 0);
    }
  }
  for (const inner of scopes) for (const name of Object.keys(sums)) sums[name] += inner[name];
  return { live: state === LIVE, ...sums, holds, resets };
}

/** The name in statistics. A request has that of its middleware, or 'request'. */
const nameOf = ({ ofRequest, settings: { name } }) => name || (ofRequest ? 'request' : '');

function arenaStats({ ahead: _ahead, lost: _lost, ...described }, owner) {
  const { safety } = owner.settings;
  const { pool, limit } = owner;
  const name = nameOf(owner);
  const guarded = pool.guarded.stats();
  const expired = { ...pool.waiting.expired };
  const { interrupted } = pool;
  const all = { expired, interrupted, guarded, memory: pool.stats() };
  return { name, backend, safety, limit, ...described, ...all };
}

function arenaLine({ live, allocated, adopted, spans, scopes, holds }, owner) {
  const { safety } = owner.settings;
  const { pool } = owner;
  const name = nameOf(owner);
  const parts = [
    live ? 'live' : 'closed',
    `${formatBytes(allocated)} of ${formatBytes(owner.limit)} in ${many(spans, 'span')}`,
    safety,
    backend,
  ];
  if (adopted > 0) parts.push(`${formatBytes(adopted)} adopted`);
  if (scopes > 0) parts.push(many(scopes, 'scope'));
  if (holds > 0) parts.push(many(holds, 'hold'));
  if (live && !owner.ofRequest) parts.push(...pool.describeWaiting());
  return `Arena${name === '' ? '' : ` '${name}'`} { ${parts.join(', ')} }`;
}

module.exports = { arenaStats, arenaLine, describeWindow };
