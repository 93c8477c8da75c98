'use strict';

// The collections for one pool's quarantine: when one is asked for, and of what.

const { lazy } = require('../base/lazy.js');

const collector = lazy(() => require('./gc.js'));

const MINORS = 3; // after so many minor collections in vain a full one: the rest is in the old generation

class QuarantineGc {
  #from;
  #onlyMajor;
  #entered = 0; // bytes that entered since the last request
  #before = Number.POSITIVE_INFINITY; // bytes in quarantine at that time
  #inVain = 0;

  /**
   * From `from` bytes in quarantine on, requests collections before the limit is reached, because
   * arenas have no other memory. Requests can use the heap, so theirs is Infinity. `onlyMajor`:
   * minor collections would find nothing.
   */
  constructor(from, onlyMajor) {
    this.#from = from;
    this.#onlyMajor = onlyMajor;
  }

  /** Called when `bytes` more of `pool` went to quarantine. */
  entered(bytes, pool) {
    this.#entered += bytes;
    if (this.#entered < this.#from / 2) return;
    const { quarantined } = pool;
    this.#note(quarantined);
    if (quarantined >= this.#from) this.ask(quarantined);
  }

  /**
   * Compares the bytes in quarantine with those before the last collection: if they are fewer, it
   * helped.
   */
  #note(quarantined) {
    if (quarantined < this.#before) this.#inVain = 0;
  }

  /** Requests a collection. */
  ask(quarantined) {
    this.#note(quarantined);
    const full = this.#inVain >= MINORS;
    this.#entered = 0;
    const urgent = this.#from !== Number.POSITIVE_INFINITY;
    if (!collector().requestGc({ full, major: this.#onlyMajor, urgent })) return;
    this.#before = quarantined;
    this.#inVain = full ? 0 : this.#inVain + 1;
  }
}

module.exports = { QuarantineGc, collector };
