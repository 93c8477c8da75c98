'use strict';

// What may be freed and sent, and the errors of what may not: all that a Buffer's state says but for the hot path of buffer.js.

const { freedAgain } = require('../base/dead.js');
const { typeError } = require('../base/errors.js');
const errors = require('./errors.js');

const { isView } = ArrayBuffer;

// The state of a Buffer. It is overwritten, never computed from the old one: that costs 2 ns, because the load
// has to wait for the store before it.
const FREED = 0;
const HELD = 1;
const SENT = 2;
const IN_FLIGHT = 3; // freed, and its slot waits for operations of Node: see memory/claims.js
const WATCHED = 4; // held, over memory of its own: see watch() of buffer.js

const held = (state) => state === HELD || state === WATCHED;

/** `stateOf(value)`: undefined for what no slab handed out; the other two are of what one did. */
function checksOf(stateOf, poolOf, isInFlight) {
  /** How a Buffer ended whose slot may be somebody else's; undefined for any other. */
  function deathOf(view) {
    const state = stateOf(view);
    if (state === FREED) return 'freed';
    return state === SENT ? 'sent' : undefined;
  }

  /** Throws the error that says why `buffer` cannot be freed or sent; null and undefined are ignored. */
  function refuse(core, buffer) {
    if (buffer === null || buffer === undefined) return;
    const state = stateOf(buffer);
    if (state === undefined) {
      if (!isView(buffer)) {
        throw typeError('buffer', 'an instance of Buffer', buffer);
      }
      core.refused++;
      throw core.hasSegment(buffer.buffer) ? errors.isView() : errors.ofNoSlab();
    }
    const pool = poolOf(buffer);
    if (pool.core !== core) {
      core.refused++;
      throw errors.ofOtherSlab();
    }
    pool.refused++;
    if (!held(state))
      throw freedAgain(buffer, state === SENT ? errors.wasSent() : errors.wasFreed());
    core.checkLive();
    throw errors.wasTransferred();
  }

  /** Whether `value` is a Buffer that release() would free. */
  const isHeld = (core, value) =>
    held(stateOf(value)) && poolOf(value).core === core && core.isLive;

  /** Throws for what is no Buffer of the slab that can be sent. */
  function checkSendable(core, buffer) {
    if (buffer === null || typeof buffer !== 'object') {
      throw typeError('buffer', 'an instance of Buffer', buffer);
    }
    if (!isHeld(core, buffer)) refuse(core, buffer);
    if (poolOf(buffer).size === 0) throw errors.hasNoSlot();
    if (buffer.buffer.byteLength === 0) refuse(core, buffer);
    if (isInFlight(buffer, poolOf(buffer))) throw errors.isInFlight();
  }

  return { checkSendable, deathOf, isHeld, refuse };
}

module.exports = { FREED, HELD, SENT, IN_FLIGHT, WATCHED, checksOf };
