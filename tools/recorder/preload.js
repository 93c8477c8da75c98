'use strict';

// The module `ralloc/profile`, loaded before the application by `node --import ralloc/profile app.js` or by `ralloc profile`.

const path = require('node:path');
const process = require('node:process');

/** If --permission forbids something, the threads and children of a run warn and continue without a recorder. */
function tellDenied(cause) {
  const root = path.join(__dirname, '..', '..');
  const message = `the profiler may not be read, by --permission, and records nothing of this process. Start it with --allow-fs-read=${root}`;
  if (process.env.RALLOC_PROFILE_APPEND !== '1') throw new Error(message, { cause });
  process.emitWarning(message, { type: 'RallocWarning', code: 'RALLOC_PROFILE_STOPPED' });
}

try {
  require('./launch.js').launch();
} catch (error) {
  if (error.code !== 'ERR_ACCESS_DENIED' || error.permission !== 'FileSystemRead') throw error;
  tellDenied(error);
}
