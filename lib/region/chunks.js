'use strict';

// The chunks of a region: leases and ends them, and charges their records to the limit. An interrupted call
// leaves a step pending, which settle() finishes.

const { kHolder } = require('../base/protocol.js');
const { pageSize } = require('../memory/native.js');
const { Refusal } = require('../memory/refusal.js');
const { OPEN, SpanLeases } = require('../memory/span.js');
const { ChunkClaims } = require('./claims.js');
const { BIN_BYTES, FIRST_RECORDS } = require('./options.js');
const {
  CLEAN,
  DIRTY,
  FREE,
  GRANULE,
  MARK,
  NEXT,
  RECORD_BYTES,
  SIZE,
  START,
} = require('./record.js');
const { Spans } = require('./spans.js');

class Chunk {
  first = -1; // the record of its first span
  index = -1; // in Chunks.all
  guard = null;
  isLost = false;

  constructor(span) {
    this.span = span; // of memory/span.js
    this.ab = span.ab; // also when the span has ended: what Buffers are over
    this.size = span.size;
  }
}

/** The largest size of chunks that is not above `bytes`: others are rounded up. */
function wholeClass(bytes) {
  const step = 2 ** Math.max(Math.floor(Math.log2(Math.max(bytes, 1))) - 2, 0);
  return bytes - (bytes % step);
}

// Computes what fits under a region's limit, and what could fit if all free memory went back.

const RECORDS_PART = 64; // of a chunk's bytes that is left for records, at least

const isOurs = (chunk) => chunk !== null && !chunk.isLost;

/** Bytes of chunks that no span has, at their ends. */
const endsOf = (all) =>
  all.reduce((bytes, chunk) => (isOurs(chunk) ? bytes + chunk.span.size - chunk.size : bytes), 0);

/** Whether nothing of a chunk is in use. */
function isFree(table, { first, size, guard }) {
  const isWhole = table[first + SIZE] * GRANULE === size && (table[first + MARK] & FREE) !== 0;
  return isWhole && !(guard?.operations > 0);
}

/** Bytes that would be left if all chunks that are free as a whole went back. */
function mostRoom({ chunks, spans: { table } }) {
  let bytes = chunks.budget.reach - chunks.metadata;
  for (const chunk of chunks.all) {
    if (isOurs(chunk) && !isFree(table, chunk)) bytes -= chunk.span.size;
  }
  return bytes;
}

/** Bytes of the chunk to be made for `need` bytes, or for `next`, such that records have their share of what is left. */
function wantedBytes({ budget, bytes, metadata }, need, next) {
  const share = Math.max(metadata / Math.max(bytes, next), 1 / RECORDS_PART);
  const roomy = Math.floor(budget.room / (1 + share));
  return Math.max(need, wholeClass(Math.min(next, roomy)));
}

const PAGE = pageSize();
const PAGE_GRANULES = PAGE / GRANULE;
const POLICY = { safety: 'gc' }; // the guard here knows blocks, not whole spans
const LEAST_RECORDS = FIRST_RECORDS / 8;

/** What its chunks are leased from, for audit.js. */
let leasesOf;

class Chunks {
  all = []; // by index; null: ended
  bytes = 0; // of those that are not lost
  metadata = 0; // bytes of records, which count too

  // What SpanLeases asks of a pool.
  pending = 0;
  isGuarded = false;

  #core;
  #ended = null; // a span whose chunk is no more
  #leases;
  #next; // bytes of the next chunk, where less is not left and more not needed

  constructor(core) {
    const { name, maxBytes, chunkSize, firstChunk } = core.settings;
    const about = { option: 'maxBytes', of: 'the region', name };
    this.#core = core;
    this.#leases = new SpanLeases(about, maxBytes, chunkSize, false, undefined);
    this.#leases.join(core.settings.budget, core);
    this.#next = firstChunk;
  }

  /** Also of chunks that ended and whose ArrayBuffers V8 has not collected, and of records. */
  get budget() {
    return this.#leases.budget;
  }

  /** Bytes of records, and of the ends of chunks that no span has. */
  get besides() {
    return this.metadata + endsOf(this.all);
  }

  /** Ensures two unused records. Returns null, or a failure. */
  ensureRecords() {
    const { spans } = this.#core;
    const { unused } = spans;
    if (unused >= 0 && spans.table[unused + NEXT] >= 0) return null;
    if (spans.records === 0) return this.#addRecords(FIRST_RECORDS, BIN_BYTES);
    const least = LEAST_RECORDS * RECORD_BYTES;
    if (this.budget.room < least) this.makeRoom(least);
    const most = Math.floor(this.budget.room / RECORD_BYTES);
    if (most < LEAST_RECORDS) return this.budget.failureOf(least);
    // Twice as many, but at most half of what is left: chunks need some of it too.
    const more = Math.max(Math.min(spans.records, Math.floor(most / 2)), FIRST_RECORDS);
    return this.#addRecords(Math.min(more, most), 0);
  }

  #addRecords(count, besides) {
    const bytes = count * RECORD_BYTES + besides;
    this.pending++;
    let failure = this.budget.charge(bytes);
    if (failure?.share?.makeRoom(bytes)) failure = this.budget.charge(bytes);
    if (failure !== null) {
      this.pending--;
      return failure;
    }
    this.metadata += bytes;
    this.#leases.measure(true);
    this.#core.spans.grow(count);
    this.pending--;
    return null;
  }

  /** Adds a chunk with a free span of at least so many granules. Returns null, or a failure. */
  grow(granules) {
    const need = (granules + 1) * GRANULE;
    let chunk = this.#lease(need, wantedBytes(this, need, this.#next));
    if (chunk.kind === 'limit' && this.makeRoom(need))
      chunk = this.#lease(need, wantedBytes(this, need, this.#next));
    if (chunk.kind !== undefined) return chunk;
    this.#next = Math.min(this.#next * 2, this.#core.settings.chunkSize);
    // One granule less than a power of two: what is cut off the free span and joined with it again leaves it in its bin then,
    // which saves a pair a quarter of its time.
    chunk.size -= GRANULE;
    this.add(chunk, chunk.span.cleanFrom === 0 ? CLEAN : DIRTY);
    return null;
  }

  /** A chunk for one block, which the caller has to add(), or a failure. */
  lease(size) {
    const chunk = this.#lease(size, size);
    return chunk.kind === 'limit' && this.makeRoom(size) ? this.#lease(size, size) : chunk;
  }

  #lease(need, want) {
    if (!this.all.includes(null)) this.all.push(null); // so that no array grows later
    const span = this.#leases.lease(need, want, true, this, POLICY);
    if (span.kind !== undefined) return span;
    if (span instanceof Refusal) throw span.error;
    const chunk = new Chunk(span);
    chunk.size -= chunk.size % GRANULE;
    chunk.index = this.all.indexOf(null);
    if (this.#core.settings.guard) {
      chunk.guard = new ChunkClaims(this.#core, chunk);
      chunk.ab[kHolder] = chunk.guard;
    }
    return chunk;
  }

  /** Makes a chunk that was leased one of the region, with one span: that has the next unused record. */
  add(chunk, mark) {
    chunk.span.home = chunk;
    chunk.span.state = OPEN;
    this.all[chunk.index] = chunk;
    this.bytes += chunk.size;
    chunk.first = this.#core.spans.addChunk(chunk.index, chunk.size / GRANULE, mark);
    this.pending--; // begun by SpanLeases.lease()
  }

  /**
   * Ends chunks that are free as a whole, and all that ended before: whether that made room. Does nothing where it cannot for `need`
   * bytes.
   */
  makeRoom(need) {
    const before = this.budget.room;
    if (this.budget.share?.makeRoom(need)) return true;
    if (need > mostRoom(this.#core)) return false;
    this.giveBack();
    return this.budget.room > before;
  }

  giveBack() {
    this.releaseFree();
    this.#leases.trim();
  }

  /** Ends all chunks that are free as a whole: bytes. */
  releaseFree() {
    const { bytes } = this;
    const { table } = this.#core.spans;
    for (const chunk of this.all) {
      if (chunk === null || this.checkLost(chunk) || !isFree(table, chunk)) continue;
      this.pending++;
      this.#core.spans.removeChunk(chunk.first);
      this.all[chunk.index] = null; // from here on the span is nobody's, and settle() ends it
      this.bytes -= chunk.size;
      this.endSpan(chunk.span);
      this.pending--;
    }
    return bytes - this.bytes;
  }

  /** Drops the records of a region that has no span. */
  dropRecords() {
    const core = this.#core;
    if (this.metadata === 0 || this.all.some((chunk) => chunk !== null)) return;
    this.pending++;
    core.spans = new Spans();
    this.#disown(this.metadata);
    this.pending--;
  }

  /** Ends the block of a chunk that has no other. No call after the last change; finishEnd() gives the memory back. */
  endOwn(chunk) {
    this.pending++;
    this.#core.spans.removeChunk(chunk.first);
    this.all[chunk.index] = null;
    this.bytes -= chunk.size;
    this.#ended = chunk.span;
  }

  /** After this the Buffer of that block is dead, if anybody can detach it. */
  finishEnd() {
    if (this.#ended === null) return;
    try {
      this.endSpan(this.#ended);
      this.#ended = null;
      this.pending--;
    } catch {
      // The stack ends here. The block is freed, and so the free must not throw: the next call gives the memory back.
    }
  }

  /** Can be called again for what was cut off. */
  endSpan(span) {
    if (span.ab === null) return;
    let how = 'steal';
    if (span.ab.byteLength > 0) how = this.#leases.renew(span) ? 'release' : 'quarantine';
    this.#leases.end(how, span, span.size);
  }

  /** Whether the memory of a chunk was transferred away: then nothing there is given out again. */
  checkLost(chunk) {
    const { span } = chunk;
    if (chunk.isLost) return true;
    if (span.ab === null || span.ab.byteLength > 0) return false;
    this.#core.spans.lose(chunk.first);
    this.endSpan(span);
    chunk.isLost = true;
    this.bytes -= chunk.size;
    return true;
  }

  checkAll() {
    for (const chunk of this.all) if (chunk !== null) this.checkLost(chunk);
  }

  /** Gives pages of free spans back that may have memory, of a chunk: bytes. */
  decommit(chunk) {
    const { spans } = this.#core;
    const { table } = spans;
    const parts = spans.dirtyFrom(chunk.first, PAGE_GRANULES);
    if (parts.length === 0) return 0;
    const ranges = Uint32Array.from(parts.flatMap((id) => [table[id + START], table[id + SIZE]]));
    const bytes = this.#leases.decommit(chunk.span, ranges, parts.length);
    if (bytes > 0) for (const id of parts) table[id + MARK] = CLEAN;
    return bytes;
  }

  trim() {
    this.#leases.trim();
  }

  /** Makes right what a cut-off step left. */
  settle() {
    if (this.pending === 0) return;
    for (const [index, chunk] of this.all.entries()) {
      if (chunk === null || chunk.first >= 0) continue;
      this.all[index] = null;
      this.bytes -= chunk.size;
    }
    this.#leases.sweep();
    for (const span of this.#leases.spans) {
      const chunk = span.home;
      if (span.ab === null) continue;
      if (chunk === null || this.all[chunk.index] !== chunk) this.endSpan(span);
    }
    const { spans } = this.#core;
    const wanted = spans.records === 0 ? 0 : spans.records * RECORD_BYTES + BIN_BYTES;
    this.#disown(this.metadata - wanted);
    this.#ended = null;
    this.#leases.measure(true);
    this.pending = 0;
  }

  #disown(bytes) {
    if (bytes === 0) return;
    this.budget.discharge(bytes);
    this.metadata -= bytes;
    this.#leases.measure(true);
  }

  /** Ends all chunks of a region that is closed, but for those that operations use: whether there are none. */
  endAll() {
    for (const [index, chunk] of this.all.entries()) {
      if (chunk === null || chunk.guard?.operations > 0) continue;
      this.endSpan(chunk.span);
      this.all[index] = null;
    }
    return this.all.every((chunk) => chunk === null);
  }

  /** The region is closed and has no chunk any more. */
  close() {
    this.#disown(this.metadata);
    this.#leases.trim();
  }

  /** Has the share of the option `budget` as large as what is taken; once the region is closed, and V8 has collected all of it, it ends. Whether there is one. */
  measure(isLive) {
    return this.#leases.measure(isLive);
  }

  static {
    leasesOf = (chunks) => chunks.#leases;
  }
}

module.exports = {
  Chunk,
  wholeClass,
  endsOf,
  isFree,
  mostRoom,
  wantedBytes,
  Chunks,
  PAGE,
  leasesOf,
};
