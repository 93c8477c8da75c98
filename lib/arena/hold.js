'use strict';

// What hold() gives: the memory of its epoch stays until it is released.

const { observing } = require('../base/observer.js');

let releaseHold; // in the midst of a step

class Hold {
  #epoch;
  #term;

  constructor(epoch, term) {
    this.#epoch = epoch;
    this.#term = term;
  }

  /** Gives the hold up. The second call does nothing. */
  release() {
    this.#epoch?.settleCutOff();
    releaseHold(this);
  }

  [Symbol.dispose]() {
    this.release();
  }

  static {
    releaseHold = (hold) => {
      const epoch = hold.#epoch;
      if (epoch === null) return;
      epoch.holdReleased(hold.#term);
      hold.#epoch = null;
      epoch.settle();
      observing.observer?.released(hold);
    };
  }
}

module.exports = { Hold, releaseHold };
