'use strict';

// One more turn of the event loop where it would end. A listener of 'beforeExit' that gives it work
// would have that told to the application's listeners twice.

const process = require('node:process');
const time = require('../base/time.js');
const { attempt } = require('../base/attempt.js');
const { calledByNode } = require('../debug/stack/stack.js');

/** Calls `isNeeded()` whenever Node is about to emit 'beforeExit'. */
function patchEnd(patches, isNeeded) {
  patches.method(process, 'emit', (original) => {
    return function emit(...args) {
      if (args[0] !== 'beforeExit' || !attempt(() => calledByNode(emit) && isNeeded())) {
        return Reflect.apply(original, this, args);
      }
      time.setImmediate(() => {});
      return true;
    };
  });
}

module.exports = { patchEnd };
