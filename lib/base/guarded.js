'use strict';

// Counts what the guard has held, by kind: stats().guarded. Both counters only go up.

const { instances } = require('./instances.js');
const KINDS = ['fs', 'stream', 'http', 'web', 'dgram', 'crypto'];

const none = () => ({ operations: 0, bytes: 0 });

class Guarded {
  #counts = {};

  /**
   * `kind` comes from the copy of ralloc that has wrapped Node's functions, perhaps a later
   * release, and may be unknown here.
   */
  count(kind, bytes) {
    this.#counts[kind] ??= instances.guards.add(none(), kind);
    const counts = this.#counts[kind];
    counts.operations++;
    counts.bytes += bytes;
  }

  stats() {
    const zeros = Object.fromEntries(KINDS.map((kind) => [kind, none()]));
    return { ...zeros, ...structuredClone(this.#counts) };
  }
}

module.exports = { Guarded };
