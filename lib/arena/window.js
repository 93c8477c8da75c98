'use strict';

// The window {ab, cursor, end} over one span, how it moves to the next, and its epoch. Its arena
// (arena.js) bumps its cursor.
//
// An epoch is the time between two resets. It has the spans whose bytes were handed out, the
// checkpoints into them, and the holds. When it ends, its spans are released, wait for their claims
// (memory/waiting.js), or go to quarantine if operations may still use them, as after an aborted
// response.

const { RallocError, closedError, typeError } = require('../base/errors.js');
const { lazy } = require('../base/lazy.js');
const { observing } = require('../base/observer.js');
const { FastBuffer } = require('../base/runtime.js');
const check = require('../base/validate.js');
const { view } = require('../base/views.js');

// The states of an arena, and the heap Buffers that it returns if its owner has no memory.

const LIVE = 0;
const CLOSED = 1; // by its owner, or with its scope: every use throws
const RELEASED = 2; // with its response: allocations go to the heap, other calls do nothing

/** `existing`: a Buffer of that size to be charged instead of a new one. */
function allocOnHeap(window, size, zero, existing) {
  const buffer = window.owner.allocOnHeap(size, zero, existing);
  window.heapBytes += size;
  return buffer;
}

/** Returns the charge of heap Buffers, except for their first `kept` bytes. */
function dischargeHeap(window, kept) {
  const bytes = window.heapBytes - kept;
  if (bytes <= 0) return;
  window.owner.dischargeHeap(bytes);
  window.heapBytes = kept;
}

/**
 * Returns true if the response is over, so that calls do nothing; throws if the arena or scope is
 * closed.
 */
function isReleased(window) {
  if (window.state === LIVE) return false;
  if (window.state === RELEASED) return true;
  throw closedError(window.isScope ? 'The scope of this arena' : 'The arena');
}

const isOfResponse = (death) => death === 'response' || death === 'abort';

/** Returned by hold() if nothing is left to hold. */
const releasedHold = Object.freeze({ release() {}, [Symbol.dispose]() {} });

const { fill } = Uint8Array.prototype;

const later = lazy(() => require('./holds.js'));

const NONE = Object.freeze([]); // spans

// What is allocated before a hold keeps its whole span waiting. While many spans wait, others begin
// at LEAST_SPAN and double, so that little else will wait with it. Those below LEAST_CHUNK are cut
// from chunks.
const MANY_HELD = 32;
const LEAST_SPAN = 4 * 1024;
const LEAST_CHUNK = 64 * 1024;

// How much of a span a window may hand out. A request is charged for the bytes that it asks for,
// not for the size of the span that happened to be warm, so its windows may end earlier. The limit
// of an Arena is kept by its pool, so its windows reach to the end of their spans.

const CUT_SPAN = 16 * 1024;
const CHUNK_CAP = 1024 * 1024; // larger chunks gain nothing, and 4 MiB lose on Node 20 and 22

/** Bytes of the next chunk after `opened` others: sizes double, up to a cap. */
const chunkGrowth = (first, opened) =>
  opened === 0 ? first : Math.max(first, Math.min(first * 2 ** opened, CHUNK_CAP));

/**
 * Bytes of the next span that is cut from a chunk for a checkpoint or a scope with so many
 * `pieces`.
 */
const pieceSize = (pieces) => CUT_SPAN << Math.max(Math.min(pieces, 4), 0);

/** The position of a Checkpoint; undefined for other values. */
let positionOf;

/** A position of an arena, to which it can be rewound once. */
class Checkpoint {
  #position;

  constructor(position) {
    this.#position = position;
  }

  static {
    positionOf = (value) =>
      typeof value === 'object' && value !== null && #position in value
        ? value.#position
        : undefined;
  }
}

const stale = (why) => new RallocError('ERR_RALLOC_STALE_CHECKPOINT', `The checkpoint ${why}`);

class Window {
  // The hot path in arena.js reads and writes these. While a window is open, its span's own fields
  // are out of date.
  ab = null;
  cursor = 0; // where the next allocation starts, aligned; the last one's padding may put it past the end
  end = 0; // 0 without a span and after a checkpoint, so that the next allocation takes the slow path
  cleanFrom = 0; // bytes from here on were never handed out, and are zero
  mask; // alignment - 1
  owner;
  isScope; // whether it belongs to a scope and takes small spans, cut from chunks
  heapBytes = 0; // of heap Buffers, charged to the owner
  state;
  resets = 0;
  scopes = null; // a Set of the windows of open scopes, from the first one on
  // Of the epoch.
  epoch = 0; // how many came before it
  spans = NONE; // in the order in which they were opened
  death = 'reset'; // how the Buffers of the last one ended: a key of `deaths` in base/errors.js
  #cutShort = 0; // how many spans ended early, by a theft, a route or an interrupted call: those that replace them are no larger
  #checkpoints = null; // those that can still be rewound to, in the order of their creation
  #holds = null; // from the first one on
  #resetsAtReserve = -1; // `resets` at the last reserve(): its window stays in this epoch
  #resetsAtIdleTick = -1; // `resets` at the last idle tick
  #span = null;
  #bytes = null; // a Buffer over the whole window, to write strings through
  #isSealed = false; // there is a checkpoint, after which allocations need new spans

  constructor(owner, isScope, state) {
    this.owner = owner;
    this.isScope = isScope;
    this.state = state;
    this.mask = owner.settings.align - 1;
  }

  // Allocates what the open window cannot serve. If it throws, nothing has changed.
  allocSlow(size, zero) {
    const isUsual = typeof size === 'number' && size >>> 0 === size;
    if (!isUsual) check.integer(size, 'size', 0, Number.MAX_SAFE_INTEGER);
    const released = isReleased(this);
    if (size === 0) return new FastBuffer();
    if (released || this.owner.usesHeap) return allocOnHeap(this, size, zero);
    this.#check();
    if (size > this.end - this.cursor && !this.extend(size)) {
      const aside = this.#open(size, true, zero);
      if (aside === null) return allocOnHeap(this, size, zero);
      if (aside?.isRefusal) throw aside.error;
      if (aside !== undefined) return aside;
    }
    const start = this.cursor;
    const buffer = new FastBuffer(this.ab, start, size);
    if (zero && start < this.cleanFrom) fill.call(buffer, 0);
    this.cursor = start + size + (-size & this.mask);
    return buffer;
  }

  extend(size) {
    const span = this.#span;
    if (span === null || this.#isSealed || !span.extend(this.cursor, size, this.owner))
      return false;
    this.end = span.end;
    return true;
  }

  /**
   * Takes a span with room for `size` bytes and opens the window over it. With `keepWindow`, an
   * oversize span for a single Buffer is returned, and a window with room left stays open. Returns
   * null if the heap must serve. On error the window is unchanged or, at the limit, replaced by one
   * of equal size.
   */
  #open(size, keepWindow, zero) {
    const { end, owner } = this;
    const before = this.#span;
    const left = this.retract();
    if (size > owner.room && !this.#makeRoom(size, before, end)) return null;
    this.releaseUnused();
    const isChunk = !this.isScope && !this.#isSealed;
    const usual = isChunk ? owner.nextChunkSize(this.#openedSince(0)) : this.#pieceSize();
    const span = this.acquire(size, usual, isChunk);
    if (span === null || span.isRefusal) {
      this.#restore(before, end);
      return span;
    }
    if (keepWindow && size > usual && this.#span !== null && left >= usual >>> 3) {
      const buffer = view(span.ab, 0, size, zero && span.cleanFrom > 0);
      this.add(span, size, usual);
      span.use(size);
      return buffer;
    }
    this.sync();
    this.add(span, size, usual);
    this.#set(span, 0, span.end, span.cleanFrom);
    return undefined;
  }

  /**
   * The number of spans from index `from` on that hold allocations, without those that were cut
   * short.
   */
  #openedSince(from) {
    const { spans } = this;
    let count = -this.#cutShort;
    for (let i = from; i < spans.length; i++) if (spans[i].adopted === null) count++;
    return count;
  }

  /** Bytes of the next piece, after those since the last checkpoint. */
  #pieceSize() {
    return pieceSize(this.#openedSince(this.#checkpoints?.at(-1)?.spanCount ?? 0));
  }

  /** Returns false if the heap must serve; throws at the owner's limit. */
  #makeRoom(size, before, end) {
    let hasRoom = false;
    try {
      hasRoom = this.owner.makeRoom(size);
    } catch (error) {
      if (error?.code !== undefined) this.#restore(before, end);
      throw error;
    }
    if (!hasRoom) this.#restore(before, end);
    return hasRoom;
  }

  /**
   * Returns a span of at least `need` and preferably `want` bytes, for add(); null if the heap must
   * serve instead; or a Refusal whose error the caller throws. In the last two cases nothing has
   * changed.
   */
  acquire(need, want, isChunk) {
    const { owner } = this;
    const { pool, room } = owner;
    let size = want < room ? want : room;
    let isWhole = isChunk;
    if (pool.holders.spans > MANY_HELD) {
      size = Math.min(size, LEAST_SPAN << Math.min(this.spans.length, 8));
      isWhole = isChunk && size >= LEAST_CHUNK;
    }
    const span = pool.acquire(need, size, isWhole, owner.settings);
    return span.isRefusal && owner.refused(span) ? null : span;
  }

  /** Adds a span from acquire() to the epoch, and charges the owner. */
  add(span, need, want) {
    // push() on an empty array allocates room for 17.
    if (this.spans.length === 0) this.spans = [span];
    else this.spans.push(span);
    span.open(this, this.owner, need, want);
    span.pool.isBusy = false;
  }

  /** Gives a span of the epoch back that was never used. */
  giveBack(span) {
    const { owner } = this;
    span.uncharge(span.end, owner);
    owner.pool.takeBack(span, this.spans, owner.settings);
  }

  addScope(window) {
    this.scopes ??= new Set();
    this.scopes.add(window);
  }

  /** Calls visit() for it and its scopes. */
  each(visit) {
    visit(this);
    for (const scope of this.scopes ?? []) scope.each(visit);
  }

  /** Whether one of the epoch's spans is over `buffer`, or was adopted with it. */
  has(buffer) {
    return this.spans.some(({ ab, adopted }) => ab === buffer || adopted === buffer);
  }

  /** Like has(), also of its scopes. */
  covers(buffer) {
    if (this.has(buffer)) return true;
    for (const scope of this.scopes ?? []) if (scope.covers(buffer)) return true;
    return false;
  }

  /** The number of unreleased holds of the epoch. */
  get holds() {
    return this.#holds === null ? 0 : this.#holds.count;
  }

  holding() {
    this.#holds ??= new (later().Holds)(this.owner);
    return this.#holds;
  }

  /**
   * The claims on the memory that the epoch gives up now: its own holds, and `outer`, those of an
   * epoch that ends with it. `outer` also claims what it gave up earlier.
   */
  #claimsWith(outer) {
    if (this.holds === 0) return outer;
    if (outer === null) return [this.#holds];
    this.#holds.share(outer);
    return [this.#holds, ...outer];
  }

  /**
   * Reopens a window of the same size after a refusal. If that is refused too, the next allocation
   * opens a window.
   */
  #restore(before, end) {
    try {
      if (this.#span !== before && end > 0) this.#open(end, false, false);
      else if (end > this.end) this.extend(end - this.cursor);
    } catch {}
  }

  /**
   * Stops charging the bytes of the open window from `from` on, and returns how many unused ones
   * its span has.
   */
  retract(from = this.cursor) {
    if (this.#span === null || this.#isSealed) return 0;
    this.#span.retract(from, this.owner);
    this.end = this.#span.end;
    return this.#span.size - this.cursor;
  }

  /**
   * Stops charging bytes that are not used yet, also those of checkpoints. With `seals` the next
   * allocation opens a new span, also after a rewind.
   */
  retractAll(seals) {
    for (const position of this.#checkpoints ?? []) {
      if (position.span === null) continue;
      position.span.retract(position.cursor, this.owner);
      position.end = position.span.end;
      if (seals) position.span = null;
    }
    if (this.#span === null || (seals && this.releaseUnused())) return;
    if (seals) this.#seal();
    else this.retract();
  }

  /** Continues behind the used part of `span`, which belongs to its epoch. */
  continueIn(span) {
    this.sync();
    this.#set(span, span.used + (-span.used & this.mask), span.end, span.cleanFrom);
  }

  get hasCheckpoint() {
    return this.#checkpoints?.length > 0;
  }

  /**
   * Drops an unused window, as after a reset, so that a larger one can be opened. Returns false if
   * it was used.
   */
  releaseUnused() {
    const span = this.#span;
    if (span === null || this.cursor !== 0 || this.#isSealed) return false;
    this.sync();
    this.#set(null, 0, 0, 0);
    this.giveBack(span);
    return true;
  }

  /**
   * Makes room for the owner's other windows, unless reserve() was called in this epoch. Scopes, of
   * which there may be many, keep their charges.
   */
  giveWay() {
    if (this.#resetsAtReserve === this.resets) return;
    if (!this.releaseUnused() && !this.isScope) this.retract();
  }

  /** Called once a second: returns a window that was not used since an earlier reset. */
  idleTick() {
    const idle = this.resets === this.#resetsAtIdleTick && this.#resetsAtReserve !== this.resets;
    this.#resetsAtIdleTick = this.resets;
    if (idle) this.releaseUnused();
  }

  // Writing the string returns its length; Buffer.byteLength() would take as long as the write.
  /**
   * Returns a Buffer of the string in UTF-8 if the open window has room for 3 bytes a character;
   * otherwise null.
   */
  writeUtf8(string) {
    const { ab, cursor: start } = this;
    const most = string.length * 3;
    if (most === 0 || start + most > this.end || ab.byteLength === 0) return null;
    this.#bytes ??= new FastBuffer(ab);
    const size = this.#bytes.write(string, start, most);
    this.cursor = start + size + (-size & this.mask);
    return new FastBuffer(ab, start, size);
  }

  #set(span, cursor, end, cleanFrom) {
    this.#bytes = null;
    const open = span !== null && span.ab !== null;
    this.#span = open ? span : null;
    this.ab = open ? span.ab : null;
    this.cursor = open ? cursor : 0;
    this.end = open ? end : 0;
    this.cleanFrom = cleanFrom;
  }

  /** Brings `used` of the open span up to date. */
  sync() {
    if (this.#span !== null) this.#span.use(this.cursor);
  }

  /** Drops a span that was transferred, or that an interrupted call may have left half done. */
  #check() {
    const { pool } = this.owner;
    pool.check();
    if (this.#span === null || this.ab.byteLength !== 0) return;
    pool.retireStolen(this.#span);
    this.#seal(); // only the bytes handed out stay charged
  }

  /** The next allocation opens a new span. */
  #seal() {
    this.sync();
    this.#span.retract(this.cursor, this.owner);
    this.#set(null, 0, 0, 0);
    this.#cutShort++;
  }

  /**
   * Called when `span` goes to quarantine, since a call was interrupted: its Buffers stay alive. It
   * is charged until the epoch ends.
   */
  lose(span) {
    this.#cutShort++;
    if (span !== this.#span) return;
    this.sync();
    this.#set(null, 0, 0, 0);
  }

  reserve(bytes) {
    check.integer(bytes, 'bytes', 0, Number.MAX_SAFE_INTEGER);
    if (isReleased(this) || this.owner.usesHeap) return;
    this.#check();
    if (bytes > this.end - this.cursor && !this.extend(bytes)) {
      const failed = this.#open(bytes, false, false);
      if (failed?.isRefusal) throw failed.error;
    }
    this.#resetsAtReserve = this.resets;
  }

  checkpoint() {
    const { cursor, end, cleanFrom, heapBytes } = this;
    if (isReleased(this)) return new Checkpoint({ window: this, heapBytes });
    this.owner.pool.check();
    const [span, spanCount, isSealed] = [this.#span, this.spans.length, this.#isSealed];
    const taken = { window: this, span, cursor, end, cleanFrom, spanCount, isSealed, heapBytes };
    const checkpoint = new Checkpoint(taken);
    this.#checkpoints ??= [];
    this.#checkpoints.push(taken);
    this.#isSealed = true; // a new span is taken only when something is allocated
    this.end = 0;
    return checkpoint;
  }

  rewind(checkpoint) {
    const saved = positionOf(checkpoint);
    if (isReleased(this)) {
      if (saved?.window === this) dischargeHeap(this, saved.heapBytes);
      return;
    }
    if (saved === undefined) throw typeError('checkpoint', 'an instance of Checkpoint', checkpoint);
    if (saved.window !== this) throw stale('belongs to another arena');
    const checkpoints = this.#checkpoints;
    const index = checkpoints?.indexOf(saved) ?? -1;
    if (index < 0)
      throw stale('is no longer valid: the arena was rewound to it or past it, or was reset');
    this.owner.pool.check();
    this.sync();
    this.#set(saved.span, saved.cursor, saved.end, saved.cleanFrom);
    this.#isSealed = saved.isSealed;
    checkpoints.length = index;
    this.#end(saved.spanCount, 'rewind', this.#claimsWith(null));
    dischargeHeap(this, saved.heapBytes);
  }

  /**
   * Begins the next epoch in place, without a call to Rust. Returns false unless the epoch has at
   * most one span, no checkpoint, no scope and no claim.
   */
  reuseInPlace() {
    const { owner, spans } = this;
    const { pool, settings } = owner;
    if (this.#checkpoints !== null || this.holds > 0 || this.scopes?.size > 0) return false;
    if (spans.length === 0) return true;
    const span = this.#span;
    if (spans.length !== 1 || span === null) return false;
    if (pool.isBusy || span.operations > 0 || settings.safety === 'gc') return false;
    observing.observer?.ended(this, { from: 0, death: 'reset', isHeld: false }, owner);
    this.sync();
    pool.isBusy = true;
    const isReused = pool.detachAndReuse(span, settings);
    pool.isBusy = false;
    if (!isReused) return false;
    this.ab = span.ab;
    this.#bytes = null;
    this.cleanFrom = span.cleanFrom;
    this.cursor = 0;
    return true;
  }

  /**
   * Ends the epoch and the scopes in it. Its holds claim the scopes' memory too; `outer` claims
   * everything. `death`: see #end(). Returns how many bytes they had handed out.
   */
  clear(death, outer) {
    const claims = this.#claimsWith(outer);
    const bytesOfScopes = this.scopes === null ? 0 : this.#endScopes(death, claims);
    dischargeHeap(this, 0);
    this.sync();
    this.#set(null, 0, 0, 0);
    this.#isSealed = false;
    const bytes = this.spans.length === 0 ? 0 : this.#end(0, death, claims);
    // No call since the last change in #end(), so that what is cut off can end again.
    this.epoch++;
    this.#checkpoints = null;
    this.#holds = null;
    return bytes + bytesOfScopes;
  }

  #endScopes(death, claims) {
    let bytes = 0;
    for (const scope of this.scopes) {
      bytes += scope.finish(isOfResponse(death) ? death : 'scope', claims);
      this.scopes.delete(scope);
    }
    this.scopes = null;
    return bytes;
  }

  /** Like clear(), for an arena or scope that is not used any more. */
  finish(death, outer) {
    const bytes = this.clear(death, outer);
    this.state = isOfResponse(death) ? RELEASED : CLOSED;
    return bytes;
  }

  /**
   * Ends the spans from the index `from` on. `death`: how their Buffers die; after an 'abort'
   * operations may still use the bytes. Memory waits for `claims`: Holds that had open holds when
   * the end began, its own and those of outer epochs; null for none. Returns the bytes that the
   * spans had handed out, including padding.
   */
  #end(from, death, claims) {
    const { owner, spans } = this;
    const { pool, settings } = owner;
    this.death = death;
    if (observing.observer !== null) {
      pool.check();
      // May run code of the program.
      observing.observer.ended(this, { from, death, isHeld: claims !== null }, owner);
    }
    pool.begin();
    let bytes = 0;
    for (let i = from; i < spans.length; i++) {
      const span = spans[i];
      if (span.home !== this) continue; // it no longer is this epoch's
      if (!span.close(death, owner)) continue;
      if (span.adopted === null) bytes += span.used;
      if (death === 'abort') pool.quarantine(span, settings.wipe);
      else pool.release(span, settings, claims);
    }
    // Setting `length` calls into V8, which takes 10 of a request's 700 ns.
    if (from === 0) this.spans = NONE;
    else spans.length = from;
    this.#cutShort = 0;
    pool.isBusy = false;
    return bytes;
  }
}

// Stand-ins for the window of an unused arena, because most handlers never use theirs. Its own
// window would cost such a request 50 of 330 ns. Nothing fits into a stand-in, so the first
// allocation takes the slow path, which creates the arena's own. Stand-ins are never written to.

const nobody = { settings: { align: 1 } };

const UNUSED = new Window(nobody, false, LIVE);
const UNUSED_RELEASED = new Window(nobody, false, RELEASED);

const isStandIn = (window) => window === UNUSED || window === UNUSED_RELEASED;

module.exports = {
  CHUNK_CAP,
  LIVE,
  allocOnHeap,
  dischargeHeap,
  isReleased,
  releasedHold,
  chunkGrowth,
  pieceSize,
  UNUSED,
  UNUSED_RELEASED,
  Window,
  isStandIn,
};
