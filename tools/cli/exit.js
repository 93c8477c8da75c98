'use strict';

// Ends a verb. A verb that starts an application ends with its exit code or signal.

/** Wrong arguments of a verb or of ralloc itself. The message says which. */
class UsageError extends Error {}

module.exports = { OK: 0, FAILED: 1, MISUSED: 2, UsageError };
