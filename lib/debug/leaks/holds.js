'use strict';

// Holds that are not released, and where they were taken.

const { report } = require('../report.js');
const { Trace } = require('../trace.js');
const { Record } = require('../watch/record.js');
const { isNext } = require('../watch/sampling.js');
const { groupsOf } = require('./groups.js');

const open = new Set(); // records
const byHold = new WeakMap();
const byEpoch = new WeakMap(); // epoch -> its open holds, in the order in which they were taken

function held(hold, epoch, owner) {
  if (!isNext()) return;
  const of = owner.ofRequest ? 'the arena of a request' : owner.describe();
  const taken = Trace.take().settle(); // a hold may live long, and V8's stack would keep the `this` of its functions
  const one = new Record('hold', of, undefined, taken, owner);
  open.add(one);
  byHold.set(hold, { one, epoch: new WeakRef(epoch) });
  if (!byEpoch.has(epoch)) byEpoch.set(epoch, new Set());
  byEpoch.get(epoch).add(one);
}

function released(hold) {
  const found = byHold.get(hold);
  if (found === undefined) return;
  open.delete(found.one);
  byEpoch.get(found.epoch.deref())?.delete(found.one);
}

/**
 * Called when the first `count` open holds of `epoch`, without those of earlier calls, have
 * expired. Returns whether any of them is known.
 */
function expired(epoch, count) {
  const known = [...(byEpoch.get(epoch) ?? [])];
  const late = known.filter(({ ended }) => ended === null).slice(0, count);
  for (const one of late) one.end({ how: 'expired' });
  for (const { of, age, since, allocated, request, count } of groupsOf(late))
    report('hold-leaked', { of, age, since, operation: allocated, request, count });
  return late.length > 0;
}

const openHolds = () => [...open];

const forget = (one) => open.delete(one);

module.exports = { expired, forget, held, openHolds, released };
