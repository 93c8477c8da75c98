'use strict';

// What a span of an arena knows, in debug, of the Buffers in it: it is told of their end by the epoch, and once the span's memory is free.

const { Trace } = require('../trace.js');
const { endViews } = require('./dead-buffer.js');
const { look } = require('./kept.js');

/** Where the stack ends nothing is told, and the arena goes on as it would without debug. */
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

/** The place that ended an epoch. The end of a response is Node's, and has none that would be worth half of what it costs to watch a Buffer. */
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

/** Whether somebody holds what is over. */
const isHeld = (epoch) => epoch.finished && epoch.holds > 0;

class SpanWatch {
  #end = null; // once holds and operations of Node are gone

  /** The epoch ends the span, by `known` if others of it ended so before. Returns how. */
  ended(span, epoch, owner, known) {
    return attempt(() => {
      const end = known ?? endOf(epoch, owner);
      if (isHeld(epoch) || span.operations > 0)
        this.#end = end; // with what was given to operations goes on what was promised
      else this.finish(span, end);
      return end;
    });
  }

  /** Holds of the span are gone. */
  released(span) {
    if (this.#end !== null) attempt(() => this.finish(span, this.#end));
    this.#end = null;
  }

  /** Called once for each Buffer. */
  end(record, end) {
    if (end.isDead) endViews(record);
    record.leave(end.how === 'response' && end.isDead && look(record));
  }
}

/** Of a span that was made for one Buffer. */
class OwnWatch extends SpanWatch {
  #memory;

  constructor(memory) {
    super();
    this.#memory = memory;
  }

  finish(_span, end) {
    const { record, witness } = this.#memory;
    this.#memory.end(end);
    if (end.isDead && witness?.count > 0) witness.tellInFlight();
    this.end(record, end);
  }

  /** False where the memory is to be freed as any other. */
  takesMemory(span, ab) {
    this.released(span);
    return attempt(() => this.#memory.take(ab)) === true;
  }
}

/** Of one whose memory is not theirs alone: bodies, and what was adopted. */
class SharedWatch extends SpanWatch {
  #records = [];

  add(record) {
    this.#records.push(record);
  }

  finish(span, end) {
    span.watch = null;
    for (const record of this.#records) {
      record.end(end);
      this.end(record, end);
    }
  }

  takesMemory(span) {
    this.released(span);
    return false;
  }
}

module.exports = { OwnWatch, SharedWatch, attempt };
