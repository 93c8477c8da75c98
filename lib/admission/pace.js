'use strict';

// The clock by which clients are judged: how fast a body comes, and how long a client may take
// nothing.

const PERIOD_MS = 500;
const TRICKLE = 512; // bytes in a period: fewer are no progress
const FIRST = 64 * 1024;
const TIMES = 64;
const LEAST_STALL_MS = 1000;

/**
 * A client that has announced much and trickles will not send it: it has a claim to what comes at
 * its pace.
 */
class Pace {
  bytes = Number.POSITIVE_INFINITY; // of the last whole period
  idleMs = 0; // in which hardly anything came, although it was read
  #ms = 0; // of this period
  #had = 0; // bytes at its beginning

  /** Whether a period is over, and look() is due. */
  isOver(tickMs) {
    this.idleMs += tickMs;
    this.#ms += tickMs;
    return this.#ms >= PERIOD_MS;
  }

  /** `got`: bytes that have come up to the end of a period. */
  look(got) {
    this.#ms = 0;
    this.bytes = Math.max(0, got - this.#had);
    this.#had = got;
    if (this.bytes >= TRICKLE) this.idleMs = 0;
  }

  /**
   * Of `rest` bytes those that come in so many seconds, where `got` have come; as long as its pace
   * is unknown, not much more than it has sent.
   */
  claim(rest, got, seconds) {
    const most =
      this.bytes === Number.POSITIVE_INFINITY
        ? Math.max(FIRST, TIMES * got)
        : this.bytes * seconds * (1000 / PERIOD_MS);
    return Math.min(rest, most);
  }
}

/**
 * Milliseconds without progress after which a client is cut off: `stallMs`, and from the share
 * `from` of a limit on fewer, down to a second at `to`.
 */
function stallFor(stallMs, share, from, to) {
  const pressure = Math.min(1, Math.max(0, (share - from) / (to - from)));
  return stallMs - pressure * Math.max(0, stallMs - LEAST_STALL_MS);
}

module.exports = { Pace, stallFor };
