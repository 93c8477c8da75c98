'use strict';

// Buffers that are freed one by one, as slabs and regions hand them out: their states, which of
// them are held or dead, and the errors for a Buffer that cannot be freed: it is foreign, a view,
// freed before, or its memory was transferred away. `kind` is 'slab' or 'region'.

const { freedAgain, tellsDeaths } = require('../base/dead.js');
const { RallocError, typeError } = require('../base/errors.js');

// The state of a Buffer. It is overwritten, never computed from the old state: that would cost 2
// ns, because the load would have to wait for the store before it.
const states = Object.freeze({
  FREED: 0,
  HELD: 1,
  SENT: 2,
  IN_FLIGHT: 3, // freed, and its memory waits for operations of Node: see claims.js
  WATCHED: 4, // held; debug mode gave it separate memory, and its slot or block is unused
});
const { FREED, HELD, SENT, WATCHED } = states;

const holds = (state) => state === HELD || state === WATCHED;

/** By state, how a Buffer ended whose memory may have a new user. */
const DEATHS = Object.freeze({ [FREED]: 'freed', [SENT]: 'sent' });

const NO_BYTES = new ArrayBuffer(0); // of Buffers of length 0, which take no memory

const foreign = (message) => new RallocError('ERR_RALLOC_FOREIGN_BUFFER', message);
const ended = (message) => new RallocError('ERR_RALLOC_DOUBLE_FREE', message);

const wasFreed = () =>
  ended(
    'The Buffer was already freed. Let one place own each Buffer, and drop the reference when it is freed',
  );
const wasSent = () => ended('The Buffer was sent. The thread that receives it frees it');
const isView = (kind) =>
  foreign(`The Buffer is a view of a ${kind} Buffer. Free the Buffer that alloc() returned`);
const ofOther = (kind) => foreign(`The Buffer belongs to another ${kind}`);

function inUseError(held, kind) {
  const are = held === 1 ? `Buffer of the ${kind} is` : `Buffers of the ${kind} are`;
  const message = `${held} ${are} in use. Free all Buffers first, or close({ force: true })`;
  return new RallocError('ERR_RALLOC_IN_USE', message, { inUse: held });
}

/**
 * The questions that do not depend on the kind of memory. `stateOf(value)`: undefined for Buffers
 * of others. `ownerOf(buffer)`: the pool or core that counts its `refused` frees, and has its
 * `core`.
 */
function freedBuffers(kind, stateOf, ownerOf) {
  const coreOf = (buffer) => ownerOf(buffer).core;

  const deathOf = (view) => DEATHS[stateOf(view)];
  tellsDeaths(deathOf);

  /** Throws the error that says why `buffer` cannot be freed; ignores null and undefined. */
  function refuse(core, buffer) {
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
    ownerOf(buffer).refused++;
    if (!holds(state)) throw freedAgain(buffer, state === SENT ? wasSent() : wasFreed());
    core.checkLive();
    throw foreign("The Buffer's memory was transferred away");
  }

  return {
    kind,
    coreOf,
    deathOf,
    refuse,
    /** Whether `value` is a Buffer of a live `core` that is not freed. */
    isHeld: (core, value) => holds(stateOf(value)) && coreOf(value) === core && core.isLive,
    /** Whether `value` is a Buffer of this kind, freed or not. */
    isOurs: (value) => stateOf(value) !== undefined,
  };
}

module.exports = {
  states,
  NO_BYTES,
  foreign,
  freedBuffers,
  holds,
  inUseError,
  isView,
  ofOther,
  wasFreed,
};
