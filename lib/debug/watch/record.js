'use strict';

// The record of a watched Buffer, or of a hold: where it was allocated, and how it ended.

const { ownerOf } = require('../../arena/arena.js');
const { current } = require('../../arena/current.js');
const { PrivateFields } = require('../../base/private-fields.js');
const time = require('../../base/time.js');
const { arrayBufferOf } = require('../../base/views.js');

const { isView } = ArrayBuffer;

/** Marks ArrayBuffers that are the memory of one watched Buffer. */
class Branded extends PrivateFields {
  #memory;

  constructor(ab, memory) {
    super(ab);
    this.#memory = memory;
  }

  static memoryOf(ab) {
    return ab !== undefined && #memory in ab ? ab.#memory : undefined;
  }
}

/** `memory` is what is known of `ab`. */
function brand(ab, memory) {
  new Branded(ab, memory);
}

/** The OwnMemory of an ArrayBuffer, also of a detached one; undefined for any other. */
const { memoryOf } = Branded;

/** Most views of a Buffer that are known after its death: the first one, and the newest. */
const MOST_VIEWS = 64;

const noted = new WeakMap(); // view -> its record, for views in shared memory

/** The record of a Buffer or a view of it, dead or alive; undefined if there is none. */
function recordOf(view) {
  if (!isView(view)) return undefined;
  return memoryOf(arrayBufferOf(view))?.record ?? noted.get(view);
}

/** Notes that `view`, in memory with other Buffers, belongs to `record`. */
function note(view, record) {
  noted.set(view, record);
  record.see(view);
}

/** Notes that `part` is a view made of `whole`: they share a record. */
function notePart(part, whole) {
  const own = memoryOf(arrayBufferOf(whole));
  if (own !== undefined) return own.record.see(part);
  const record = noted.get(whole);
  if (record !== undefined) note(part, record);
  return undefined;
}

/** For messages: `GET /path` of the request that the caller works for; undefined outside of one. */
function currentRequest() {
  const arena = current();
  const owner = arena === undefined ? undefined : ownerOf(arena);
  return owner?.ofRequest ? owner.describe() : undefined;
}

class Record {
  ended = null; // { how, trace, request, isDead }: see endOf() of span-watch.js and endedBy() of freed.js
  isInFlight = false; // whether operations used it at its end, which was reported
  at = time.now();
  #owner; // a WeakRef of the request's, until it ends
  #request;
  /**
   * For an arena's Buffer, the views themselves until they are dead, because the arena keeps the
   * record; otherwise WeakRefs.
   */
  #views = [];
  #keepsViews;

  /**
   * `kind`: 'arena', 'slab', 'region' or 'hold'; `of`: its name in messages; `size`: of a Buffer;
   * `allocated`: a Trace; `owner`: the owner of an arena.
   */
  constructor(kind, of, size, allocated, owner) {
    this.kind = kind;
    this.of = of;
    this.size = size;
    this.allocated = allocated;
    this.#keepsViews = kind === 'arena';
    if (owner === undefined) this.#request = currentRequest();
    else if (owner.ofRequest) this.#owner = new WeakRef(owner);
  }

  /** For messages: `GET /path` of the request in which it was allocated. */
  get request() {
    return this.#request ?? this.#owner?.deref()?.describe();
  }

  /** Its owner, while that is reachable: a request, for a Buffer of a request's arena. */
  get owner() {
    return this.#owner?.deref();
  }

  /** Notes that `view` is over its bytes. */
  see(view) {
    if (this.#views.length >= MOST_VIEWS) {
      const alive = this.#views.filter((one) => this.#keepsViews || one.deref() !== undefined);
      this.#views = alive.length < MOST_VIEWS ? alive : [alive[0], ...alive.slice(2)];
    }
    this.#views.push(this.#keepsViews ? view : new WeakRef(view));
  }

  /** The views that may still be reachable. */
  views() {
    if (this.#keepsViews) return this.#views;
    return this.#views.map((one) => one.deref()).filter((view) => view !== undefined);
  }

  end(ended) {
    this.#request = this.request;
    this.ended = ended;
  }

  /**
   * Called when its views are dead: stops keeping them. `isLooked`: whether views() will be called
   * to find which are still reachable.
   */
  leave(isLooked) {
    const views = this.views();
    this.#keepsViews = false;
    this.#views = isLooked ? views.map((view) => new WeakRef(view)) : [];
  }
}

module.exports = { Record, brand, currentRequest, memoryOf, note, notePart, recordOf };
