'use strict';

// Why a Buffer of a slab or region cannot be freed: it is foreign, a view, freed before, or its
// memory was transferred away. `kind` is 'slab' or 'region'.

const { freedAgain } = require('../base/dead.js');
const { RallocError, typeError } = require('../base/errors.js');

const foreign = (message) => new RallocError('ERR_RALLOC_FOREIGN_BUFFER', message);
const ended = (message) => new RallocError('ERR_RALLOC_DOUBLE_FREE', message);

const wasFreed = () =>
  ended(
    'The Buffer was already freed. Let one place own each Buffer, and drop the reference when it is freed',
  );
const isView = (kind) =>
  foreign(`The Buffer is a view of a ${kind} Buffer. Free the Buffer that alloc() returned`);
const ofOther = (kind) => foreign(`The Buffer belongs to another ${kind}`);

function inUseError(held, kind) {
  const are = held === 1 ? `Buffer of the ${kind} is` : `Buffers of the ${kind} are`;
  const message = `${held} ${are} in use. Free all Buffers first, or close({ force: true })`;
  return new RallocError('ERR_RALLOC_IN_USE', message, { inUse: held });
}

/**
 * Returns refuse(core, buffer), which throws the error that says why `buffer` cannot be freed, and
 * ignores null and undefined. It is given stateOf(value), which is undefined for Buffers of others;
 * coreOf(buffer); isHeld(state); counterOf(buffer), which counts `refused`; and endedBy(state), the
 * error for a Buffer that is not held.
 */
function refuser(kind, { stateOf, coreOf, isHeld, counterOf, endedBy }) {
  return function refuse(core, buffer) {
    if (buffer === null || buffer === undefined) return;
    const state = stateOf(buffer);
    if (state === undefined) {
      if (!ArrayBuffer.isView(buffer)) throw typeError('buffer', 'an instance of Buffer', buffer);
      core.refused++;
      if (core.hasMemory(buffer.buffer)) throw isView(kind);
      throw foreign(`The Buffer does not belong to a ${kind}`);
    }
    if (coreOf(buffer) !== core) {
      core.refused++;
      throw ofOther(kind);
    }
    counterOf(buffer).refused++;
    if (!isHeld(state)) throw freedAgain(buffer, endedBy(state));
    core.checkLive();
    throw foreign("The Buffer's memory was transferred away");
  };
}

module.exports = { ended, foreign, inUseError, isView, ofOther, refuser, wasFreed };
