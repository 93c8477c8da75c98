'use strict';

// The chunks of a region: leases and ends them, and charges their records to the limit. What takes
// several calls sets `isBusy` first; a call that finds it set knows that one before it was
// interrupted, and ends the leases that no chunk has.

const { kHolder } = require('../base/protocol.js');
const { pageSize } = require('../memory/native.js');
const { Refusal } = require('../memory/refusal.js');
const { SpanLeases } = require('../memory/span.js');
const { ChunkClaims } = require('./claims.js');
const { BIN_BYTES, FIRST_RECORDS } = require('./options.js');
const record = require('./record.js');
const { Spans } = require('./spans.js');

const { START, SIZE, NEXT, MARK } = record;
const { CLEAN, DIRTY, FREE, GRANULE, RECORD_BYTES } = record;

class Chunk {
  first = -1; // the record of its first span
  index = -1; // in Chunks.all
  guard = null;
  isLost = false;

  constructor(span) {
    this.span = span; // a Span of memory/span.js
    this.ab = span.ab; // the ArrayBuffer of its Buffers, kept after the span has ended
    this.size = span.size;
  }
}

/** The largest size class of chunks that is at most `bytes`; other sizes would be rounded up. */
function wholeClass(bytes) {
  const step = 2 ** Math.max(Math.floor(Math.log2(Math.max(bytes, 1))) - 2, 0);
  return bytes - (bytes % step);
}

// Computes what fits under a region's limit, now and if all free memory were given back.

const RECORDS_PART = 64; // at least 1/64 of a chunk's bytes is left for records

const isOurs = (chunk) => chunk !== null && !chunk.isLost;

/** Bytes at the ends of chunks that belong to no span. */
const endsOf = (all) =>
  all.reduce((bytes, chunk) => (isOurs(chunk) ? bytes + chunk.span.size - chunk.size : bytes), 0);

/** Whether nothing of a chunk is in use. */
function isFree(table, { first, size, guard }) {
  const isWhole = table[first + SIZE] * GRANULE === size && (table[first + MARK] & FREE) !== 0;
  return isWhole && !(guard?.operations > 0);
}

/** Bytes that would be left under the limit if all wholly free chunks were given back. */
function mostRoom({ chunks, spans: { table } }) {
  let bytes = chunks.budget.reach - chunks.metadata;
  for (const chunk of chunks.all) {
    if (isOurs(chunk) && !isFree(table, chunk)) bytes -= chunk.span.size;
  }
  return bytes;
}

/**
 * The size of a new chunk: `next` bytes, but at least `need`, and less if records would not get
 * their part of what is left.
 */
function wantedBytes({ budget, bytes, metadata }, need, next) {
  const share = Math.max(metadata / Math.max(bytes, next), 1 / RECORDS_PART);
  const roomy = Math.floor(budget.room / (1 + share));
  return Math.max(need, wholeClass(Math.min(next, roomy)));
}

const PAGE = pageSize();
const PAGE_GRANULES = PAGE / GRANULE;
const POLICY = { safety: 'gc' }; // the guard here knows blocks, not whole spans
const UNCHARGED = { charge: () => 0 }; // chunks are charged as they are leased
const LEAST_RECORDS = FIRST_RECORDS / 8;

/** The SpanLeases of its chunks, for audit.js. */
let leasesOf;

class Chunks {
  all = []; // by index; null: ended
  bytes = 0; // of all chunks that are not lost
  metadata = 0; // bytes of records, which count toward the limit too

  // SpanLeases reads these as fields of its pool.
  isBusy = false;
  isGuarded = false;

  #core;
  #ended = null; // a span whose chunk has ended, until finishEnd()
  #leases;
  #next; // bytes of the next chunk, unless more are needed or fewer are left

  constructor(core) {
    const { name, maxBytes, chunkSize, firstChunk } = core.settings;
    const about = { option: 'maxBytes', of: 'the region', name };
    this.#core = core;
    this.#leases = new SpanLeases(about, maxBytes, chunkSize, false, undefined);
    this.#leases.join(core.settings.budget, core);
    this.#next = firstChunk;
  }

  /** Counts chunks, records, and ended chunks whose ArrayBuffers V8 has not collected yet. */
  get budget() {
    return this.#leases.budget;
  }

  /** Bytes of records, and of the ends of chunks that belong to no span. */
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
    // Doubles them, but takes at most half of the bytes that are left, because chunks need some
    // too.
    const more = Math.max(Math.min(spans.records, Math.floor(most / 2)), FIRST_RECORDS);
    return this.#addRecords(Math.min(more, most), 0);
  }

  #addRecords(count, besides) {
    const bytes = count * RECORD_BYTES + besides;
    this.isBusy = true;
    let failure = this.budget.charge(bytes);
    if (failure?.share?.makeRoom(bytes)) failure = this.budget.charge(bytes);
    if (failure !== null) {
      this.isBusy = false;
      return failure;
    }
    this.metadata += bytes;
    this.#leases.measure(true);
    this.#core.spans.grow(count);
    this.isBusy = false;
    return null;
  }

  /** Adds a chunk with a free span of at least so many granules. Returns null, or a failure. */
  grow(granules) {
    const need = (granules + 1) * GRANULE;
    const chunk = this.lease(need, () => wantedBytes(this, need, this.#next));
    if (chunk.kind !== undefined) return chunk;
    this.#next = Math.min(this.#next * 2, this.#core.settings.chunkSize);
    // One granule less than a power of two. Then the free span stays in its bin when a block is cut
    // off and joined again, which saves a pair of alloc and free a quarter of its time.
    chunk.size -= GRANULE;
    this.add(chunk, chunk.span.cleanFrom === 0 ? CLEAN : DIRTY);
    return null;
  }

  /**
   * Returns a chunk of at least `need` bytes, and of want() if there is room, which the caller must
   * add(), or a failure.
   */
  lease(need, want = () => need) {
    const chunk = this.#lease(need, want());
    return chunk.kind === 'limit' && this.makeRoom(need) ? this.#lease(need, want()) : chunk;
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

  /** Adds a leased chunk to the region, with one span in the next unused record. */
  add(chunk, mark) {
    chunk.span.open(chunk, UNCHARGED, 0, 0);
    this.all[chunk.index] = chunk;
    this.bytes += chunk.size;
    chunk.first = this.#core.spans.addChunk(chunk.index, chunk.size / GRANULE, mark);
    this.isBusy = false; // set by SpanLeases.lease()
  }

  /**
   * Ends wholly free chunks, and finishes earlier ends. Returns whether that made room. Does
   * nothing if it cannot make room for `need` bytes.
   */
  makeRoom(need) {
    const before = this.budget.room;
    if (this.budget.share?.makeRoom(need)) return true;
    if (need > mostRoom(this.#core)) return false;
    this.giveBack();
    return this.budget.room > before;
  }

  /** Ends all wholly free chunks, and gives their memory back; returns their bytes. */
  giveBack() {
    const { bytes } = this;
    const { table } = this.#core.spans;
    for (const chunk of this.all) {
      if (chunk === null || this.checkLost(chunk) || !isFree(table, chunk)) continue;
      this.isBusy = true;
      this.#core.spans.removeChunk(chunk.first);
      this.all[chunk.index] = null; // now the span has no chunk; settle() would end it
      this.bytes -= chunk.size;
      this.endSpan(chunk.span);
      this.isBusy = false;
    }
    this.#leases.trim();
    return bytes - this.bytes;
  }

  /** Drops the records if the region has no spans. */
  dropRecords() {
    const core = this.#core;
    if (this.metadata === 0 || this.all.some((chunk) => chunk !== null)) return;
    this.isBusy = true;
    core.spans = new Spans();
    this.#disown(this.metadata);
    this.isBusy = false;
  }

  /**
   * Ends the only block of a chunk. Makes no call after the last change; finishEnd() gives the
   * memory back.
   */
  endOwn(chunk) {
    this.isBusy = true;
    this.#core.spans.removeChunk(chunk.first);
    this.all[chunk.index] = null;
    this.bytes -= chunk.size;
    this.#ended = chunk.span;
  }

  /**
   * Gives the memory of endOwn() back. The block's Buffer is dead then, unless it cannot be
   * detached.
   */
  finishEnd() {
    if (this.#ended === null) return;
    try {
      this.endSpan(this.#ended);
      this.#ended = null;
      this.isBusy = false;
    } catch {
      // Stack overflow. The block is already freed, so the free must not throw: the next call gives
      // the memory back.
    }
  }

  /** Can be called again if it was interrupted. */
  endSpan(span) {
    if (span.ab === null) return;
    let how = 'steal';
    if (span.ab.byteLength > 0) how = this.#leases.renew(span) ? 'release' : 'quarantine';
    this.#leases.end(how, span, span.size);
  }

  /** Whether the memory of a chunk was transferred away. If so, none of it is handed out again. */
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

  /** Gives back the pages of a chunk's free spans that were used; returns their bytes. */
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

  /** Ends the leases that an interrupted call has left without a chunk. */
  settle() {
    for (const [index, chunk] of this.all.entries()) {
      if (chunk === null || chunk.first >= 0) continue;
      this.all[index] = null;
      this.bytes -= chunk.size;
    }
    for (const span of this.#leases.spans) {
      const chunk = span.home;
      if (span.ab === null) this.#leases.spans.delete(span);
      else if (chunk === null || this.all[chunk.index] !== chunk) this.endSpan(span);
    }
    const { spans } = this.#core;
    const wanted = spans.records === 0 ? 0 : spans.records * RECORD_BYTES + BIN_BYTES;
    this.#disown(this.metadata - wanted);
    this.#ended = null;
    this.#leases.measure(true);
    this.isBusy = false;
  }

  #disown(bytes) {
    if (bytes === 0) return;
    this.budget.discharge(bytes);
    this.metadata -= bytes;
    this.#leases.measure(true);
  }

  /**
   * Ends the chunks of a closed region, except those that operations use. Returns whether none is
   * left.
   */
  endAll() {
    for (const [index, chunk] of this.all.entries()) {
      if (chunk === null || chunk.guard?.operations > 0) continue;
      this.endSpan(chunk.span);
      this.all[index] = null;
    }
    return this.all.every((chunk) => chunk === null);
  }

  /** Called when the region is closed and has no chunks left. */
  close() {
    this.#disown(this.metadata);
    this.#leases.trim();
  }

  /**
   * Adjusts the share of the option `budget` to the bytes in use. After the region was closed and
   * V8 has collected all of it, the share ends. Returns whether there is a share.
   */
  measure(isLive) {
    return this.#leases.measure(isLive);
  }

  static {
    leasesOf = (chunks) => chunks.#leases;
  }
}

module.exports = { Chunks, PAGE, leasesOf };
