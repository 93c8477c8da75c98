'use strict';

// Warnings that come through also where the process ends before Node's next tick, in which it would
// tell them.

const process = require('node:process');
const { attempt } = require('../base/attempt.js');
const { nextTick } = require('../base/time.js');

const NAME = 'RallocWarning';

const pending = new Set(); // warnings passed to Node that may not have been emitted yet
let isWatching = false;
let isEnding = false;

function emitNow({ code, message, detail }) {
  const warning = Object.assign(new Error(message), { name: NAME, code });
  if (detail !== undefined) warning.detail = detail;
  // A listener of the application may throw. The remaining warnings must still be emitted.
  attempt(() => process.emit('warning', warning));
}

/**
 * Makes the end of the process emit all waiting warnings and then call `work()`. Call it before
 * other listeners are added, because these may report too.
 */
function watchEnd(work) {
  if (isWatching) return;
  isWatching = true;
  process.prependOnceListener('exit', () => {
    isEnding = true;
    for (const warning of pending) emitNow(warning);
    pending.clear();
    work();
  });
}

/** `warning`: { code, message, detail }; Node prints `detail` below the message. */
function tell(warning) {
  if (isEnding) {
    emitNow(warning);
    return;
  }
  const { code, message, detail } = warning;
  pending.add(warning);
  process.emitWarning(message, { type: NAME, code, detail }); // if the application's own throws, the warning is emitted at the end
  nextTick(() => pending.delete(warning)); // Node emits it in the tick before this one
}

module.exports = { tell, watchEnd };
