'use strict';

const { warnNow } = require('../../lib/base/warnings.js');
const { attempt } = require('../../lib/base/attempt.js');

/** An application may have replaced a function of Node's by one that throws anything, not only errors. */
const messageOf = (error) =>
  attempt(() => error.message ?? `${error}`, 'A function of the application failed');

/** Warns that a recorder ended early. If the warning itself fails, that is ignored. */
function warnStopped(error) {
  const message = messageOf(error);
  attempt(() => warnNow('RALLOC_PROFILE_STOPPED', { message }));
}

module.exports = { warnStopped };
