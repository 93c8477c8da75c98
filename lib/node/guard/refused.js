'use strict';

// A dead Buffer that a message of HTTP refuses. Frameworks answer its error with a 500, or swallow it where the headers are sent: so the server is told.

const { messageName } = require('../../base/name.js');
const { warnOnce } = require('../../base/warnings.js');

/** `error`: the error that the caller gets. It has a `cause` if debug mode watches the Buffer and has already reported it. */
function refused(message, error) {
  if (error.code !== 'ERR_RALLOC_DEAD_BUFFER' || error.cause !== undefined) return;
  warnOnce('RALLOC_DEAD_SENT', { to: messageName(message), why: error.message });
}

module.exports = { refused };
