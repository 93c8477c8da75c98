'use strict';

const { warnNow } = require('../../lib/base/warnings.js');
const { attempt } = require('../../lib/base/attempt.js');

/** What an application's function in the place of Node's throws may be anything. */
const messageOf = (error) =>
  attempt(() => error.message ?? `${error}`, 'A function of the application failed');

/** Warns that a recorder ended before its time. Nothing follows if the warning cannot be given. */
function warnStopped(error) {
  const message = messageOf(error);
  attempt(() => warnNow('RALLOC_PROFILE_STOPPED', { message }));
}

module.exports = { warnStopped };
