'use strict';

// bind() and lock() of a slab: put its memory on a NUMA node (mbind), and keep it in RAM (mlock),
// before the first use.

const { RallocError, refusal } = require('../base/errors.js');
const { limitOf } = require('./options.js');

const wasUsed = ({ claimed, peak }) => claimed > 0 || peak > 0;

function usedError(method, inUse) {
  const is = inUse === 1 ? 'Buffer or cached slot is' : 'Buffers and cached slots are';
  return new RallocError(
    'ERR_RALLOC_IN_USE',
    `${method}() comes too late: the slab was used before, and ${inUse} ${is} in use. Call it before the first allocation`,
    { inUse },
  );
}

/**
 * Calls a method of the LeasedSlab, if the slab has not handed out anything; `asked`: the same
 * request as options `memory`.
 */
function place(core, method, asked, ...args) {
  core.checkLive();
  core.open();
  core.settle();
  if (core.pools.some(wasUsed)) throw usedError(method, core.held);
  const failure = core.call(method, ...args);
  if (failure === null) {
    core.settings.memory = { ...core.settings.memory, ...asked }; // for later errors
    return;
  }
  if (failure.kind === 'used') throw usedError(method, failure.used);
  const what = `${method}()`;
  throw refusal(failure, limitOf(core.settings), core.leased.footprint(), { asked, what });
}

module.exports = { place };
