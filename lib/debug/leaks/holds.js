'use strict';

// Holds that are not released, and where they were taken.

const time = require('../../base/time.js');
const { report } = require('../report.js');
const { Trace } = require('../trace.js');
const { isNext } = require('../watch/sampling.js');
const { groupsOf } = require('./groups.js');

const open = new Set();
const byHold = new WeakMap();
const byEpoch = new WeakMap(); // epoch -> its open holds, in the order in which they were taken

class OpenHold {
  kind = 'hold';
  at = time.now();
  allocated = Trace.take().settle(); // a hold may live long, and V8's stack would keep the `this` of its functions
  isExpired = false;
  #owner; // a WeakRef
  #request;

  constructor(owner) {
    this.of = owner.ofRequest ? 'the arena of a request' : owner.describe();
    if (owner.ofRequest) this.#owner = new WeakRef(owner);
  }

  /** For messages: `GET /path`. */
  get request() {
    return this.#request ?? this.#owner?.deref()?.describe();
  }

  expire() {
    this.#request = this.request;
    this.isExpired = true;
  }
}

function held(hold, epoch, owner) {
  if (!isNext()) return;
  const one = new OpenHold(owner);
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
  const late = [...(byEpoch.get(epoch) ?? [])].filter((one) => !one.isExpired).slice(0, count);
  for (const one of late) one.expire();
  for (const { of, age, since, allocated, request, count } of groupsOf(late))
    report('hold-leaked', { of, age, since, operation: allocated, request, count });
  return late.length > 0;
}

const openHolds = () => [...open];

const forget = (one) => open.delete(one);

module.exports = { expired, forget, held, openHolds, released };
