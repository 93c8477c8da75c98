'use strict';

// Warnings that come through also where the process ends before Node's next tick, in which it would tell them.

const process = require('node:process');
const { nextTick } = require('../base/time.js');

const NAME = 'RallocWarning';

const pending = new Set(); // given to Node, and perhaps not told yet
let isWatching = false;
let isEnding = false;

function emitNow({ code, message, detail }) {
  const warning = Object.assign(new Error(message), { name: NAME, code });
  if (detail !== undefined) warning.detail = detail;
  try {
    process.emit('warning', warning);
  } catch {
    // A listener of the application's. The others want to hear of the next one.
  }
}

/** From now on, at the end of the process everything that waits is reported, then `work()` is called. Registered first, since others may report then. */
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

/** `warning`: { code, message, detail }, `detail` is what Node prints below the message. */
function tell(warning) {
  if (isEnding) {
    emitNow(warning);
    return;
  }
  const { code, message, detail } = warning;
  pending.add(warning);
  process.emitWarning(message, { type: NAME, code, detail }); // where an application's own throws, it is told at the end
  nextTick(() => pending.delete(warning)); // Node tells it in the tick before this one
}

module.exports = { tell, watchEnd };
