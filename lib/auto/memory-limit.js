'use strict';

// The part `memory-limit` of ralloc/auto: lib/limit/ under every server, where RALLOC_MEMORY_LIMIT
// names a limit.

const { formatBytes } = require('../base/bytes.js');
const { isMainThread } = require('../base/runtime.js');
const { counted, whole } = require('./format.js');

let running; // null: there is none, for a wrong value

function onListen(server) {
  if (running === undefined) {
    const limit = require('../limit/setting.js').limitHere();
    running = limit === undefined ? null : new (require('../limit/start.js').Limit)(limit);
    // Who has a limit wants to know what filled it.
    if (running) require('../flight/environment.js').beginHere({ isDefault: true });
  }
  running?.listens(server);
  return running ?? undefined;
}

/** Begins, or returns why not: the limit is of the process, whose main thread keeps it. */
function begin() {
  if (!isMainThread) return 'a worker';
  return require('../limit/servers.js').install(onListen) || 'net.Server changed';
}

function tell() {
  if (!running) return 'no server has listened';
  const { limit, peak, waited, stops, cut, refused, clientsCut } = running.stats();
  const all = whole(refused[413] + refused[503]);
  return `at most ${formatBytes(peak)} of ${formatBytes(limit)}; ${counted(waited, 'request')} waited, ${counted(stops, 'stop')} of bodies, ${all} refused, ${whole(cut + clientsCut)} cut off`;
}

module.exports = { begin, tell };
