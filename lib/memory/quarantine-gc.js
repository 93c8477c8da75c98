'use strict';

// The collections for one pool's quarantine: when one is asked for, and of what.

const { lazy } = require('../base/lazy.js');

const collector = lazy(() => require('./gc.js'));

const MINORS = 3; // in vain, before a full one: what still waits has grown old

class QuarantineGc {
  #from;
  #onlyMajor;
  #entered = 0; // bytes since one was asked for
  #before = Number.POSITIVE_INFINITY; // bytes in quarantine then
  #inVain = 0;

  /**
   * From `from` bytes in quarantine on one is asked for in time before the limit: arenas have nowhere else to go.
   * Requests have the heap, and give Infinity. `onlyMajor`: minor ones find nothing in it.
   */
  constructor(from, onlyMajor) {
    this.#from = from;
    this.#onlyMajor = onlyMajor;
  }

  /** `bytes` more of `pool` went to quarantine. */
  entered(bytes, pool) {
    this.#entered += bytes;
    if (this.#entered < this.#from / 2) return;
    const { quarantined } = pool;
    this.#note(quarantined);
    if (quarantined >= this.#from) this.ask(quarantined);
  }

  /** Learns how many bytes are in quarantine: fewer than before the last collection show that it helped. */
  #note(quarantined) {
    if (quarantined < this.#before) this.#inVain = 0;
  }

  /** Asks for one. */
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
