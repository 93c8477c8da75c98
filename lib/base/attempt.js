'use strict';

/**
 * What act() returns, and `otherwise` where it throws: an application may have replaced any function that it needs, and is
 * to go on. A recorder that cannot go on itself ends with its next block (tools/recorder/session.js), which tells why.
 */
function attempt(act, otherwise) {
  try {
    return act();
  } catch {
    return otherwise;
  }
}

module.exports = { attempt };
