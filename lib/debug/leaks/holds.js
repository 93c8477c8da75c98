'use strict';

// Holds that are not released, and where they were taken.

const time = require('../../base/time.js');
const { report } = require('../report.js');
const { Trace } = require('../trace.js');
const { isNext } = require('../watch/sampling.js');
const { groupsOf } = require('./groups.js');

/** The original WeakRef: an application may delete it later. */
const Reference = WeakRef;

const open = new Set();
const byHold = new WeakMap();
const byEpoch = new WeakMap(); // those that are open, in the order of their taking

class OpenHold {
  kind = 'hold';
  at = time.now();
  allocated = Trace.take().settle(); // it may be there for long, and V8 keeps what functions on a stack have
  isExpired = false;
  #owner; // a WeakRef
  #request;

  constructor(owner) {
    this.of = owner.ofRequest ? 'the arena of a request' : owner.describe();
    if (owner.ofRequest) this.#owner = new Reference(owner);
  }

  /** For people: `GET /path`. */
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
  byHold.set(hold, { one, epoch: new Reference(epoch) });
  if (!byEpoch.has(epoch)) byEpoch.set(epoch, new Set());
  byEpoch.get(epoch).add(one);
}

function released(hold) {
  const found = byHold.get(hold);
  if (found === undefined) return;
  open.delete(found.one);
  byEpoch.get(found.epoch.deref())?.delete(found.one);
}

/** The first `count` holds of `epoch` that are open, beside those of earlier calls, have had their time. Whether anything is known of them. */
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
