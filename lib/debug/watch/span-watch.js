'use strict';

// Follows the watched Buffers in a span of an arena. They end with its epoch, or, if holds or
// operations of Node still have the span then, with the last of these. At a stack overflow nothing
// is reported, and the arena works as without debug mode.

const { attempt } = require('../../base/attempt.js');
const { Trace } = require('../trace.js');
const { endViews } = require('./dead-buffer.js');
const { look } = require('./kept.js');
const { memoryOf } = require('./record.js');

/**
 * The 5xx that a request was answered with: release leaves its Buffers to the collector, since its
 * handler may go on.
 */
function refusalOf({ response }) {
  const res = response?.res;
  return res?.statusCode >= 500 && res.writableFinished === true ? res.statusCode : undefined;
}

/**
 * The place that ended an epoch. The end of a response has none: Node ends it, and a stack would
 * cost half as much as watching a Buffer.
 */
function place() {
  const trace = Trace.take().settle();
  return trace.isOfApplication ? trace : undefined;
}

/** How the Buffers of an epoch end, or those since a checkpoint. */
function endOf(death, owner) {
  const isAborted = death === 'abort';
  const how = isAborted ? 'response' : death;
  const status = isAborted ? refusalOf(owner) : undefined;
  // If a client disconnects, its handler has made no mistake.
  const isUnseen = owner.settings.safety === 'gc' || (isAborted && status === undefined);
  return {
    how,
    status,
    trace: how === 'response' ? undefined : place(),
    request: owner.ofRequest ? owner.describe() : undefined,
    isDead: !isUnseen,
  };
}

class SpanWatch {
  #end = null; // set when the epoch ends
  #isOver = false;

  /** `waits`: holds or operations still have the span, as they were promised. */
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

/** For a sole span. */
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

/** For a span with several Buffers: bodies and adopted memory. */
class SharedWatch extends SpanWatch {
  #records = [];

  add(record) {
    this.#records.push(record);
  }

  finish(span, end) {
    shared.delete(span); // the span may serve another epoch
    for (const record of this.#records) {
      record.end(end);
      this.end(record, end);
    }
  }
}

const shared = new WeakMap(); // span -> its SharedWatch

/** Watches the sole span of `memory`. */
function watchSole(memory) {
  memory.watch = new SoleWatch(memory);
}

/** Adds the Buffer of `record` to `span`. */
function watchShared(span, record) {
  if (!shared.has(span)) shared.set(span, new SharedWatch());
  shared.get(span).add(record);
}

/**
 * The watch of a span; none once an interrupted call has left its memory to V8. That of a sole span
 * is found by its memory, because an entry in a WeakMap for each took 2 of 10 µs.
 */
const watchOf = (span) =>
  span.isSole ? memoryOf(span.adopted ?? undefined)?.watch : shared.get(span);

/** Called when the spans of `window` from the index `from` on end, all in the same way. */
function ended(window, { from, death, isHeld }, owner) {
  let end;
  const waits = isHeld && death !== 'abort';
  for (const span of from === 0 ? window.spans : window.spans.slice(from)) {
    const watch = span.home === window ? watchOf(span) : undefined;
    if (watch === undefined) continue;
    attempt(() => {
      end ??= endOf(death, owner);
      watch.ended(span, end, waits || span.operations > 0);
    });
  }
}

/** Called when nothing uses an ended span any more. */
function gone(span) {
  attempt(() => watchOf(span)?.gone(span));
}

/** Called when a sole span was detached; `own` is its memory. */
function detached(span, own) {
  attempt(() => watchOf(span)?.detached(own));
}

module.exports = { detached, ended, gone, watchShared, watchSole };
