'use strict';

// The state behind a Slab or a Region: whether it is live, what it counts, and how it is closed.

const { closedError } = require('../base/errors.js');
const { Guarded } = require('../base/guarded.js');
const { observing } = require('../base/observer.js');
const { inUseError } = require('./freed-buffers.js');

/**
 * A subclass has the number of `held` Buffers, finishes interrupted calls by settle(), finds by
 * check() memory that was transferred away, if `held` depends on that, and tells by isOver(ab)
 * whether an ArrayBuffer is its own. When it is closed, drop() ends all Buffers, and leave() gives
 * the memory back and sets `isClosed`, unless operations of Node use the memory.
 */
class FreedCore {
  isLive = true;
  isClosed = false; // set after `isLive` is cleared, so that an interrupted close() can be called again
  guarded = new Guarded();
  over = null; // claims that are over but not finished: see claims.js
  refused = 0; // frees that threw; of a slab, those of Buffers that belong to none of its pools
  watched = false; // by idle.js

  constructor(kind, settings) {
    this.kind = kind;
    this.settings = settings;
  }

  checkLive() {
    if (!this.isLive) throw closedError(`The ${this.kind}`);
  }

  check() {}

  /** Whether `ab` is over its memory, or over memory that debug mode uses instead. */
  hasMemory(ab) {
    return this.isOver(ab) || observing.observer?.isOver(ab, this) === true;
  }

  close(force) {
    if (this.isClosed) return;
    this.settle();
    if (this.isLive) {
      this.check();
      if (this.held > 0 && !force) throw inUseError(this.held, this.kind);
    }
    this.isLive = false;
    this.drop();
    this.leave();
  }
}

module.exports = { FreedCore };
