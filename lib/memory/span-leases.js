'use strict';

// The spans that a pool has leased from the memory below. Whatever cuts a call off, each span here is leased there and
// the other way round: what memory answers is noted by assignments alone, where no call can throw.

const { constants } = require('node:buffer');
const memory = require('./native.js');
const { RallocError, refusal } = require('../base/errors.js');
const { kHolder, kMemory } = require('../base/protocol.js');
const { hasTransfer } = require('../base/runtime.js');
const { leastOf } = require('./options.js');
const { Life, Span } = require('./span.js');

const LONGEST = constants.MAX_LENGTH; // of a Buffer: 4 GiB on Node 20, beyond all memory later
const transfers = hasTransfer && memory.backend === 'native'; // elsewhere detaching takes a call
const registers = new Float64Array(15); // what memory answers with: read at once, so one is enough

const tooLong = (size) =>
  `A Buffer of ${size} bytes is longer than this runtime allows, which is ${LONGEST} bytes`;

class SpanLeases {
  #memory;
  spans = new Set(); // all that are leased, and some that were
  bytes = 0; // of those that are
  heldBytes = 0;

  /** `mayWipe`: whether what end() calls dirty is zeroed. */
  constructor(maxBytes, chunkSize, mayWipe, asked) {
    this.#memory = new memory.LeasedArena(maxBytes, chunkSize, mayWipe, asked);
  }

  /** A new span for an arena of this `safety`, or a failure. With it a step of `pool` has begun. */
  lease(need, want, isChunk, pool, { safety }) {
    const span = new Span(isChunk, pool);
    const most = Math.max(need, Math.min(want, LONGEST / 2));
    this.spans.add(span);
    let ab;
    try {
      ab = this.#memory.lease(need, most, isChunk, registers);
    } catch (error) {
      pool.pending++; // so that the span is swept
      if (error?.code === undefined) throw error; // the stack ends here
      this.spans.delete(span);
      pool.pending--;
      // The runtime refused an external ArrayBuffer.
      throw new RallocError(error.code, need > LONGEST ? tooLong(need) : error.message);
    }
    if (ab.kind !== undefined) {
      this.spans.delete(span);
      return ab;
    }
    pool.pending++;
    span.ab = ab;
    span.id = registers[0];
    span.epoch = registers[1];
    span.cleanFrom = registers[2];
    this.#show(span, pool.isGuarded && safety !== 'gc');
    return span;
  }

  /**
   * Node detaches what Node-API made when it exits, and on 24 and 26 aborts over one that was marked as
   * untransferable. So nobody gets to see that one: its memory moves on at once (100 ns).
   */
  #show(span, marks) {
    const size = span.ab.byteLength; // by a call
    const life = marks ? new Life(span) : undefined;
    const shown = transfers ? span.ab.transfer() : span.ab;
    // The fallback's may have been another pool's.
    if (life !== undefined || shown[kHolder] !== undefined) shown[kHolder] = life;
    if (life === undefined) shown[kMemory] = true;
    span.life = life;
    span.ab = shown;
    span.size = size;
    span.isRaw = false;
    this.bytes += size;
  }

  /** Drops what is leased no more, and completes what was leased by a call that was cut off. */
  sweep() {
    for (const span of this.spans) {
      if (span.ab === null) this.spans.delete(span);
      else if (span.isRaw) this.#show(span, span.pool.isGuarded);
    }
  }

  /** From here on operations of Node hold the span, of which nothing is handed out. */
  mark(span) {
    span.life = new Life(span);
    span.ab[kHolder] = span.life;
  }

  /** Ends a lease: how = release, quarantine or steal. */
  end(how, span, dirty) {
    this.#memory[how](span.id, span.epoch, dirty, span.ab);
    span.ab = null;
    this.bytes -= span.size;
    if (span.held) this.heldBytes -= span.size;
    span.held = false;
    this.spans.delete(span);
  }

  /** Detaches the span's ArrayBuffer, for another over the same bytes. False where nobody can detach it. */
  renew(span) {
    const { ab, life: ended } = span;
    const life = ended === undefined ? undefined : new Life(span);
    let renewed;
    try {
      renewed = transfers ? ab.transfer() : this.#memory.renew(span.id, span.epoch, ab);
    } catch (error) {
      if (error instanceof RangeError) throw error; // the stack ends here
      return false; // worker_threads.markAsUntransferable(buf.buffer)
    }
    if (life !== undefined) {
      renewed[kHolder] = life;
      ended.death = span.death;
      span.life = life;
    } else renewed[kMemory] = true; // 3 to 10 ns
    span.ab = renewed;
    span.isSeen = false;
    return true;
  }

  // Both do nothing the second time, so that what was cut off can call them again.

  hold(span) {
    if (span.held) return;
    this.#memory.hold(span.id, span.epoch);
    span.held = true;
    this.heldBytes += span.size;
  }

  unhold(span) {
    if (!span.held) return;
    span.watch?.released(span);
    this.#memory.unhold(span.id, span.epoch);
    span.held = false;
    this.heldBytes -= span.size;
  }

  /**
   * Bytes that stay taken if all warm spans are given back, or more do. Of pieces, which can lie in a chunk that is
   * in quarantine, nobody knows here.
   */
  lasting() {
    let all = 0;
    let chunks = this.quarantined();
    for (const { ab, home, isChunk, size } of this.spans) {
      if (ab === null || home === null) continue;
      all += size;
      if (isChunk) chunks += size;
    }
    return Math.max(all, chunks);
  }

  /** Throws where the system does not grant what was asked for. */
  probe({ limitOption, asked }) {
    if (asked === undefined) return;
    const failure = this.#memory.probe();
    if (failure !== null) throw refusal(failure, limitOption, leastOf(asked), { asked });
  }

  /** Charges memory that is not leased here: null, or a failure. */
  adopt(size) {
    return this.#memory.adopt(size) ?? null;
  }

  disown(size) {
    this.#memory.disown(size);
  }

  trim() {
    return this.#memory.trim();
  }

  /** Gives whole pages of a span back that is a chunk of its own: bytes. `parts`: offset and size of each, in units of 16 bytes. */
  decommit(span, parts, count) {
    return this.#memory.decommit(span.id, span.epoch, parts, count);
  }

  used() {
    return this.#memory.used();
  }

  restart() {
    this.#memory.restart();
  }

  quarantined() {
    return this.#memory.quarantined();
  }

  chunks() {
    return this.#memory.chunks();
  }

  /** The registers of the memory's stats(), until the next call. */
  stats() {
    this.#memory.stats(registers);
    return registers;
  }
}

module.exports = { SpanLeases };
