'use strict';

// What operations of Node find on the memory of a watched Buffer (kHolder) where its arena, slab or region does not hold it for them: they are
// counted, and the oldest of them is known.

const { deadUse } = require('../../base/dead.js');
const { reportLater } = require('../report.js');
const { Trace } = require('../trace.js');
const { used } = require('./uses.js');

class Witness {
  count = 0;
  operation; // where the one began that is in flight for the longest time
  whenOver = null; // called once, when none is in flight any more
  #record;
  #guarded;

  constructor(record, guarded) {
    this.#record = record;
    this.#guarded = guarded;
  }

  get death() {
    return this.#record.ended?.how;
  }

  isFreed() {
    return this.#record.ended !== null;
  }

  take(view, kind) {
    if (this.#record.ended !== null) {
      if (this.#guarded !== undefined) throw deadUse(view, undefined, this.death);
      used(view, undefined);
      return undefined; // without the guard Node's functions do what they do
    }
    this.#guarded?.count(kind, view.byteLength);
    if (this.count === 0) this.operation = Trace.take();
    this.count++;
    let isOver = false;
    const end = () => {
      if (isOver) return;
      isOver = true;
      this.#end();
    };
    end.isFirst = true;
    return end;
  }

  /** The Buffer ends while operations use it, and nobody holds it for them. What they write to it from then on is no news. */
  tellInFlight() {
    this.#record.isInFlight = true;
    reportLater('in-flight', { record: this.#record, operation: this.operation });
  }

  #end() {
    this.count--;
    if (this.count > 0) return;
    this.operation = undefined;
    this.whenOver?.();
    this.whenOver = null;
  }
}

module.exports = { Witness };
