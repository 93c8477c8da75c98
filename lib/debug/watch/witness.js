'use strict';

// Counts operations of Node on the memory of a watched Buffer (kHolder) that its arena, slab or
// region does not hold for them, and knows the oldest.

const net = require('node:net');
const { deadUse } = require('../../base/dead.js');
const { reportLater } = require('../report.js');
const { Trace } = require('../trace.js');
const { isDead } = require('./dead-buffer.js');
const { callOf, used } = require('./uses.js');

const nothing = () => {};

class Witness {
  count = 0;
  operation; // where the oldest operation in flight began
  whenOver = null; // called once, when no operation is in flight any more
  #record;
  #guarded;

  /**
   * `guarded`: the counts of a slab or region whose guard holds what is in flight; undefined
   * without one.
   */
  constructor(record, guarded) {
    this.#record = record;
    this.#guarded = guarded;
  }

  get death() {
    return this.#record.ended?.how;
  }

  /** Without the guard, functions must not copy a Buffer instead of holding it. */
  get holdsNothing() {
    return this.#guarded === undefined;
  }

  /** Whether the guard must refuse a call. */
  isFreed() {
    return this.#guarded !== undefined && this.#record.ended !== null;
  }

  /** `consumer`: a stream that is written to. */
  take(view, kind, consumer) {
    if (this.#record.ended !== null) return this.#late(view, kind, consumer);
    if (this.#guarded === undefined && !hasForItself(kind, consumer)) return nothing;
    this.#guarded?.count(kind, view.byteLength);
    if (this.count === 0) this.operation = Trace.take();
    this.count++;
    let isOver = false;
    const end = () => {
      if (isOver) return;
      isOver = true;
      this.#end();
    };
    end.isFirst = this.#guarded === undefined; // freeing the Buffer in its callback is right; with the guard the callback still has its bytes
    return end;
  }

  /**
   * Reports the use of a dead Buffer; without the guard Node's functions then continue as usual.
   */
  #late(view, kind, consumer) {
    if (this.#guarded !== undefined) throw deadUse(view, undefined, this.death, kind, consumer);
    if (this.#record.ended.isDead) used(view, callOf(kind, consumer));
    return nothing;
  }

  /**
   * Reports that the Buffer ends while operations use it without a hold. Their later writes are not
   * reported.
   */
  tellInFlight() {
    this.#record.isInFlight = true;
    reportLater('in-flight', { record: this.#record, operation: this.operation });
  }

  #end() {
    this.count--;
    if (this.count > 0) return;
    this.operation = undefined;
    const { whenOver } = this;
    this.whenOver = null;
    whenOver?.();
  }
}

/**
 * Called for a Buffer that an operation gets without holding its memory: reports it if it is dead.
 */
function unheld(view, kind) {
  if (isDead(view)) used(view, callOf(kind));
}

/**
 * Whether only Node uses the memory until the operation is over. A stream of the program gives the
 * chunk to the program, which may free it there.
 */
function hasForItself(kind, consumer) {
  if (kind === 'web') return false;
  return kind !== 'stream' || consumer instanceof net.Socket;
}

module.exports = { Witness, unheld };
