'use strict';

// What is known of a watched Buffer: where it was allocated, and how it ended.

const { ownerOf } = require('../../arena/arena.js');
const { current } = require('../../arena/current.js');
const time = require('../../base/time.js');

/** As it is before an application takes it away. */
const Reference = WeakRef;

/** Views of a Buffer that are told from others once it is dead: the first, and the newest. */
const MOST_VIEWS = 64;

const records = new WeakMap(); // view → its record

/** The record of a Buffer or a view of it, dead or alive; undefined where nobody noted it. */
const recordOf = (view) => records.get(view);

/** For people: `GET /path` of the request that the caller works for; undefined outside of one. */
function currentRequest() {
  const arena = current();
  const owner = arena === undefined ? undefined : ownerOf(arena);
  return owner?.ofRequest ? owner.describe() : undefined;
}

class Record {
  ended = null; // { how, trace, request, isDead }: see endOf() of span-watch.js and endedBy() of freed.js
  isInFlight = false; // at its end, which is told
  at = time.now();
  #owner; // a WeakRef of the request's, until it ends
  #request;
  #views = [];

  /** `kind`: 'arena', 'slab' or 'region'; `of`: which one, for people; `allocated`: a Trace; `owner`: of an arena. */
  constructor(kind, of, size, allocated, owner) {
    this.kind = kind;
    this.of = of;
    this.size = size;
    this.allocated = allocated;
    if (owner === undefined) this.#request = currentRequest();
    else if (owner.ofRequest) this.#owner = new Reference(owner);
  }

  /** For people: `GET /path`, of the request in which it was allocated. */
  get request() {
    return this.#request ?? this.#owner?.deref()?.describe();
  }

  /** What owns it, while the program has it: a request, of an arena that one was given. */
  get owner() {
    return this.#owner?.deref();
  }

  /** `view` is over its bytes. */
  see(view) {
    const views = this.#views;
    if (views.length >= MOST_VIEWS) {
      const alive = views.filter((one) => one.deref() !== undefined);
      this.#views = alive.length < MOST_VIEWS ? alive : [alive[0], ...alive.slice(2)];
    }
    this.#views.push(new Reference(view));
    records.set(view, this);
  }

  /** Those that somebody may have. */
  views() {
    return this.#views.map((one) => one.deref()).filter((view) => view !== undefined);
  }

  end(ended) {
    this.#request = this.request;
    this.ended = ended;
  }
}

module.exports = { Record, currentRequest, recordOf };
