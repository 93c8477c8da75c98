'use strict';

// The memory of one watched Buffer: an ArrayBuffer of its own, with red zones around the bytes. V8
// knows of no write of native code past them; the zones tell of it later.

const { kHolder } = require('../../base/protocol.js');
const { FastBuffer } = require('../../base/runtime.js');
const { detach } = require('../../memory/foreign.js');
const { reportLater } = require('../report.js');
const { UNSAFE_BYTE, ZONE, ZONE_BYTE, firstOther, over } = require('./bytes.js');
const delayQueue = require('./delay-queue.js');
const { brand, memoryOf } = require('./record.js');
const { Witness } = require('./witness.js');

/**
 * All watched Buffers that are not dead: the memories of slabs and regions, and WeakRefs to the
 * ArrayBuffers of arenas, which may be collected unnoticed.
 */
const live = new Set();
let sweepAt = 1024;

const memoryIn = (one) => (one instanceof OwnMemory ? one : memoryOf(one.deref()));

function sweep() {
  for (const one of live) if (memoryIn(one) === undefined) live.delete(one);
  sweepAt = Math.max(1024, live.size * 2);
}

/** The memories of all watched Buffers that are not dead. */
const living = () => [...live].map(memoryIn).filter((memory) => memory !== undefined);

class OwnMemory {
  #ab; // a WeakRef: the Buffer or the arena's span keeps it alive
  #size;
  #isDamaged = false; // whether damage was reported
  witness = null; // a Witness if nothing else counts operations of Node
  watch = null; // for an arena's Buffer: see span-watch.js

  /**
   * `size` bytes: zeros, or the pattern of allocUnsafe() in debug mode. Throws a RangeError if V8
   * has no memory.
   */
  constructor(size, zero, record) {
    const ab = new ArrayBuffer(size + 2 * ZONE);
    const bytes = new Uint8Array(ab);
    bytes.fill(ZONE_BYTE, 0, ZONE);
    if (!zero) bytes.fill(UNSAFE_BYTE, ZONE, ZONE + size);
    bytes.fill(ZONE_BYTE, ZONE + size);
    this.#ab = new WeakRef(ab);
    this.#size = size;
    this.record = record;
    brand(ab, this);
    live.add(this.#life);
    if (live.size > sweepAt) sweep();
  }

  /** The object that is in `live`. */
  get #life() {
    return this.record.kind === 'arena' ? this.#ab : this;
  }

  /** The ArrayBuffer, while it is reachable. */
  get ab() {
    return this.#ab.deref();
  }

  /** Creates the Buffer of an arena. */
  buffer(ab) {
    const buffer = new FastBuffer(ab, ZONE, this.#size);
    this.record.see(buffer);
    return buffer;
  }

  /**
   * Watches operations of Node on it. With `guarded`, the counts of its slab or region, they also
   * hold it.
   */
  watchOperations(ab, guarded) {
    this.witness = new Witness(this.record, guarded);
    ab[kHolder] = this.witness;
    return ab;
  }

  /**
   * Returns 1 if bytes around the Buffer have changed and that was not reported yet, otherwise 0.
   */
  verify(ab = this.ab, ended = undefined) {
    if (this.#isDamaged || ab === undefined || ab.byteLength === 0) return 0;
    const bytes = over(ab);
    const end = ZONE + this.#size;
    const before = firstOther(bytes, 0, ZONE, ZONE_BYTE);
    const behind = firstOther(bytes, end, bytes.length, ZONE_BYTE);
    if (before === undefined && behind === undefined) return 0;
    this.#isDamaged = true;
    const places = [];
    if (behind !== undefined)
      places.push(`${behind.at + behind.length - end} bytes past its end, now ${behind.found}`);
    if (before !== undefined)
      places.push(`${ZONE - before.at} bytes before its begin, now ${before.found}`);
    const { record } = this;
    reportLater('overrun', { record, ended: ended?.trace, detail: places.join(', and ') });
    return 1;
  }

  /** Called if it is not used after all, or only operations of Node still have it. */
  leave() {
    live.delete(this.#life);
  }

  /** Called when its Buffer ends, whatever may still use the bytes. */
  end(ended) {
    const { record } = this;
    this.leave();
    this.verify(this.ab, ended);
    record.end(ended);
  }

  /** Detaches `ab`, if possible. */
  take(ab) {
    const own = detach(ab);
    if (own !== undefined) this.keep(own);
  }

  /** `own`: the memory that was detached. */
  keep(own) {
    this.verify(own, this.record.ended ?? undefined); // operations of Node may have continued since its end
    delayQueue.add(own, ZONE, this.record);
  }
}

/** Checks all zones; returns how many were written to. */
function verifyLive() {
  let count = 0;
  for (const memory of living()) count += memory.verify();
  return count;
}

module.exports = { OwnMemory, living, verifyLive };
