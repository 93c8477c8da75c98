'use strict';

// Buffers that are out for too long: of slabs with the option `warnAfterMs`, and of requests that
// go on.

const time = require('../../base/time.js');
const { report } = require('../report.js');
const { living } = require('../watch/own-memory.js');
const { watchesAll } = require('../watch/sampling.js');
const { groupsOf } = require('./groups.js');

const reported = new WeakSet(); // records

/**
 * Reports the watched Buffers for which `isMeant` is true, each once. Returns whether there are
 * any.
 */
function tellStuck(isMeant) {
  const found = living()
    .filter(isMeant)
    .map(({ record }) => record);
  const news = found.filter((record) => !reported.has(record));
  for (const record of news) reported.add(record);
  for (const { kind: _kind, ...group } of groupsOf(news)) report('stuck', group);
  return found.length > 0;
}

/**
 * Reports a slab's Buffers from before `before`. By its own times, `count` slots are as old, but
 * these times are too early if the event loop was blocked.
 */
function stuckSlots(of, before, count) {
  if (tellStuck(({ core, record }) => core === of && record.at <= before)) return true;
  return watchesAll() && living().filter(({ core }) => core === of).length >= count; // a later tick tells of them
}

/** Reports all Buffers of a request in flight. */
const stuckRequest = (request) => tellStuck(({ record }) => record.owner === request);

/** Buffers of requests that have had their arena for longer than the middleware's `warnAfterMs`. */
function ofLongRequests() {
  const now = time.now();
  return living()
    .map(({ record }) => record)
    .filter((record) => isLong(record, now));
}

function isLong({ owner, at }, now) {
  if (owner === undefined || owner.isOver) return false;
  const { warnAfterMs } = owner.arenas.settings;
  return warnAfterMs > 0 && now - at > warnAfterMs;
}

module.exports = { ofLongRequests, stuckRequest, stuckSlots };
