'use strict';

// Stops a call in the middle of a module or a function, as vm's timeout stops it, and exactly there: no machine is too slow for it.

const vm = require('node:vm');

/** Source text that stops the call of stopped() in which it is run. For needsInterrupt() of needs.js. */
const STOP = "process.kill(process.pid, 'SIGINT'); for (;;);";

/** Calls `use`: true if it was stopped. */
function stopped(use) {
  globalThis.stoppedUse = use;
  try {
    vm.runInThisContext('stoppedUse()', { breakOnSigint: true });
    return false;
  } catch (error) {
    if (error.code !== 'ERR_SCRIPT_EXECUTION_INTERRUPTED') throw error;
    return true;
  }
}

module.exports = { STOP, stopped };
