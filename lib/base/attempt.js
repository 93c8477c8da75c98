'use strict';

/**
 * Returns act(), or `otherwise` if it throws: an application may have replaced any function that
 * act() needs, and has to go on. A recorder that cannot go on itself ends with its next block
 * (tools/recorder/session.js), which tells why.
 */
function attempt(act, otherwise) {
  try {
    return act();
  } catch {
    return otherwise;
  }
}

module.exports = { attempt };
