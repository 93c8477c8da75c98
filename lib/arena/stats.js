'use strict';

// stats() and util.inspect() of an arena. Every field is described in types/arena.d.ts, as gauge or
// counter.

const { formatBytes, many } = require('../base/bytes.js');
const { backend } = require('../memory/native.js');
const { LIVE } = require('./window.js');

/**
 * The figures of an arena's window, plus those that describe() returns for each of its `children`.
 * `ahead`: bytes charged to its owner but not handed out; `lost`: bytes of spans that were
 * transferred away, or that an interrupted call has lost; `adopted`: bytes of adopted memory.
 */
function describeArena(window, children, describe) {
  const scopes = Array.from(children, describe);
  const { epoch, state, resets } = window;
  let [allocated, spans, count, ahead, lost] = [window.allocated(), 0, scopes.length, 0, 0];
  let adopted = 0;
  for (const { ab, used, end, adopted: memory } of epoch?.spans ?? []) {
    if (memory !== null) {
      adopted += end;
    } else if (ab === null) {
      lost += end;
    } else {
      spans++;
      ahead += Math.max(end - used, 0);
    }
  }
  for (const inner of scopes) {
    allocated += inner.allocated;
    spans += inner.spans;
    count += inner.scopes;
    ahead += inner.ahead;
    lost += inner.lost;
    adopted += inner.adopted;
  }
  const holds = epoch?.holds ?? 0;
  const bytes = { allocated, adopted, ahead, lost };
  return { live: state === LIVE, ...bytes, spans, scopes: count, holds, resets };
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

module.exports = { arenaStats, arenaLine, describeArena };
