'use strict';

// Follows the watched Buffers in a span of an arena. They end with its epoch, or, if holds or operations of Node still have the span then, with the last of
// these.

const { Trace } = require('../trace.js');
const { memoryOf } = require('./branded.js');
const { endViews } = require('./dead-buffer.js');
const { look } = require('./kept.js');

/** At the stack's end nothing is reported, and the arena goes on as without debug mode. */
function attempt(work) {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** The 5xx that a request was answered with: release leaves its Buffers to the collector, since its handler may go on. */
function refusalOf({ response }) {
  const res = response?.exchange.res;
  return res?.statusCode >= 500 && res.writableFinished === true ? res.statusCode : undefined;
}

/** The place that ended an epoch. The end of a response has none: Node ends it, and a stack would cost half as much as watching a Buffer. */
function placeOf(epoch) {
  if (epoch.death === 'response') return undefined;
  const trace = Trace.take().settle();
  return trace.isOfApplication ? trace : undefined;
}

/** How the Buffers of an epoch end, or those since a checkpoint. */
function endOf(epoch, owner) {
  const status = epoch.finished ? undefined : refusalOf(owner);
  // A client that goes away is no fault of the handler that works for it.
  const isUnseen = owner.settings.safety === 'gc' || (!epoch.finished && status === undefined);
  return {
    how: epoch.death,
    status: epoch.death === 'response' ? status : undefined,
    trace: placeOf(epoch),
    request: owner.ofRequest ? owner.describe() : undefined,
    isDead: !isUnseen,
  };
}

class SpanWatch {
  #end = null; // from the epoch's end on
  #isOver = false;

  /** `waits`: with what was given to operations goes on what was promised. */
  ended(span, end, waits) {
    this.#end ??= end;
    if (!waits) this.gone(span);
  }

  gone(span) {
    if (this.#isOver || this.#end === null) return;
    this.#isOver = true;
    this.finish(span, this.#end);
  }

  /** Called once for each Buffer. */
  end(record, end) {
    if (end.isDead) endViews(record);
    record.leave(end.how === 'response' && end.isDead && look(record));
  }
}

/** Of a sole span. */
class SoleWatch extends SpanWatch {
  #memory;

  constructor(memory) {
    super();
    this.#memory = memory;
  }

  detached(own) {
    this.#memory.keep(own);
  }

  finish(_span, end) {
    const { record, witness } = this.#memory;
    this.#memory.end(end);
    if (end.isDead && witness?.count > 0) witness.tellInFlight();
    this.end(record, end);
  }
}

/** Of one whose memory is not theirs alone: bodies, and what was adopted. */
class SharedWatch extends SpanWatch {
  #records = [];

  add(record) {
    this.#records.push(record);
  }

  finish(span, end) {
    shared.delete(span); // which may serve another epoch
    for (const record of this.#records) {
      record.end(end);
      this.end(record, end);
    }
  }
}

const shared = new WeakMap(); // span → its SharedWatch

/** A sole span has `memory`. */
function watchSole(memory) {
  memory.watch = new SoleWatch(memory);
}

/** `span` has the Buffer of `record` too. */
function watchShared(span, record) {
  if (!shared.has(span)) shared.set(span, new SharedWatch());
  shared.get(span).add(record);
}

/** What is known of a span. Of a sole one by its memory: an entry in a WeakMap for each took 2 of 10 µs. */
const watchOf = (span) => (span.isSole ? memoryOf(span.adopted)?.watch : shared.get(span));

/** The spans of `epoch` from the index `from` on end, all in the same way. */
function ended(epoch, from, owner) {
  let end;
  const isHeld = epoch.finished && epoch.claims !== null;
  for (const span of from === 0 ? epoch.spans : epoch.spans.slice(from)) {
    const watch = span.home === epoch ? watchOf(span) : undefined;
    if (watch === undefined) continue;
    attempt(() => {
      end ??= endOf(epoch, owner);
      watch.ended(span, end, isHeld || span.operations > 0);
    });
  }
}

/** Nothing has a span any more that ended. */
function gone(span) {
  attempt(() => watchOf(span)?.gone(span));
}

/** It was sole, and `own` is its memory. */
function detached(span, own) {
  attempt(() => watchOf(span)?.detached(own));
}

module.exports = { attempt, detached, ended, gone, watchShared, watchSole };
