'use strict';

// Decides how large the chunks of requests are: one chunk for nine requests in ten.

const { chunkGrowth } = require('../arena/window.js');
const { countsTransfers } = require('../base/runtime.js');

const KiB = 1024;
const MIN = 16 * KiB;
const MAX = 1024 * KiB;
// If V8 counts transferred memory, chunks stay small and do not double, so that little memory is
// live beyond what is used: sockets and others need their part below V8's threshold too.
const COUNTED_BYTES = 24 * 1024 * KiB;
const COUNTED_MAX = 128 * KiB;
const PATIENCE = 64; // requests in a row that must agree before the size changes

/** The next power of two, for a number from 2 to 2³¹. */
const powerAbove = (number) => 1 << (32 - Math.clz32(Math.ceil(number) - 1));

class ChunkSize {
  #estimate = 0; // about the 90th percentile of the bytes of a request
  #inFlight = 0; // a decaying maximum
  #largest = 0; // most bytes of a request since the size changed
  #agreed = 0;
  #candidate = 0;
  bytes;
  least; // spans of `least` to `most` bytes are near the size
  most;
  leased = countsTransfers ? COUNTED_BYTES : Number.POSITIVE_INFINITY; // bytes in all up to which spans are kept

  constructor() {
    this.#set(64 * KiB);
  }

  #set(bytes) {
    this.bytes = bytes;
    this.least = bytes / 2;
    this.most = bytes * 4;
  }

  /** Learns from a request that is over, which stands for `count` of about the same size. */
  record(bytes, inFlight, count = 1) {
    if (bytes === 0) return;
    // Steps of 9 up and 1 down settle at the value that one request in ten exceeds.
    const step = (count * Math.max(this.#estimate, MIN)) / 64;
    this.#estimate += bytes > this.#estimate ? Math.min(step * 9, bytes - this.#estimate) : -step;
    this.#inFlight = Math.max(inFlight, this.#inFlight - (count * this.#inFlight) / 256);
    if (bytes > this.#largest) this.#largest = bytes;
    const target = this.#target();
    if (target === this.bytes) {
      this.#agreed = 0;
    } else if (target !== this.#candidate) {
      this.#candidate = target;
      this.#agreed = count;
    } else {
      this.#agreed += count;
      if (this.#agreed < PATIENCE) return;
      this.#set(target);
      this.#largest = bytes;
      this.#agreed = 0;
    }
  }

  #target() {
    const fits = powerAbove(Math.min(Math.max(this.#estimate, MIN), MAX));
    if (!countsTransfers || fits * this.#inFlight <= COUNTED_BYTES / 4) return fits;
    const share = 2 ** Math.floor(Math.log2(COUNTED_BYTES / 2 / this.#inFlight));
    return Math.max(Math.min(fits, share, COUNTED_MAX), MIN);
  }

  /** Bytes of a request's next chunk, after `opened` others. */
  next(opened) {
    return countsTransfers ? this.bytes : chunkGrowth(this.bytes, opened);
  }

  /**
   * Whether a span is worth keeping when `leasedBytes` are leased in all: one near the size, or
   * that of a large request, because another may follow.
   */
  keeps({ size, isChunk }, leasedBytes) {
    if (leasedBytes > this.leased) return false;
    if (!isChunk) return true;
    return size <= this.most ? size >= this.least : size <= this.#largest * 2;
  }
}

module.exports = { ChunkSize };
