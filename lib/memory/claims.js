'use strict';

// Claims on bytes of one ArrayBuffer of a slab or region with the option `guard`, by operations of
// Node that use them after their function returned (lib/node/guard/). A slot or block that is freed
// meanwhile waits at one claim after the other. After the last one it is used again. For spans of
// arenas see waiting.js.
//
// While claims are open, every free takes the slow path, which asks here. Otherwise an allocation
// or a free costs what it costs without the option.

const { deadError } = require('../base/errors.js');
const idle = require('./idle.js');

const NONE = Object.freeze([]);

class Claim {
  count = 0; // operations under way
  next = null; // the next in the core's list `over`
  waiting = NONE; // freed parts that wait here: { start, stop, ... }, in bytes
  isWatched = false; // whether `orphans` watches for operations that can no longer end

  constructor(claims, start, stop) {
    this.claims = claims;
    this.start = start; // bytes into the ArrayBuffer
    this.stop = stop;
    const end = () => claims.end(this, 1);
    // Ends before the operation's callback, which may then send the Buffer or free it at once.
    end.isFirst = true;
    this.end = new WeakRef(end); // the operation keeps `end` alive
  }

  /** Whether an operation of this claim uses some of these bytes. */
  covers(start, stop) {
    return this.count > 0 && this.start < stop && start < this.stop;
  }
}

/**
 * Ends the operations of a claim whose `end` was collected, for example because a stream was
 * dropped with its writes.
 */
const orphans = new FinalizationRegistry((claim) => claim.claims.end(claim, claim.count));

/** Registering takes 0.2 µs, so only claims with waiting parts at an idle tick are watched. */
function watchOrphans(claim) {
  if (claim.isWatched) return;
  orphans.register(claim.end.deref() ?? {}, claim);
  claim.isWatched = true;
}

const nothing = () => {};

/**
 * The claims on an ArrayBuffer, as its `kHolder`: see base/protocol.js. A subclass says how its
 * Buffers die with it (death), lists the claims (on(start, stop), over(start, stop),
 * remove(claim), all()), makes frees slow() while claims are open and then fast() again, takes
 * parts back (a second call does nothing), and leaves a closed core.
 */
class Claims {
  operations = 0; // in flight
  watched = false; // by idle.js
  #deathOf; // of freed-buffers.js
  #counter; // has `operations` too: a pool of a slab, or the core of a region

  constructor(deathOf, counter) {
    this.#deathOf = deathOf;
    this.#counter = counter;
    this.core = counter.core; // a FreedCore
  }

  deathOf(view) {
    return view.buffer.byteLength === 0 ? this.death : this.#deathOf(view);
  }

  /** Whether `view` is a Buffer whose bytes may belong to another one by now. */
  isFreed(view) {
    return this.deathOf(view) !== undefined;
  }

  take(view, kind) {
    const { core } = this;
    const { byteLength: bytes, byteOffset: start } = view;
    const death = this.deathOf(view);
    if (death !== undefined) throw deadError(undefined, death);
    if (bytes === 0) return nothing;
    if (core.over !== null) finishClaims(core);
    const claim = this.on(start, start + bytes);
    const end = claim.end.deref();
    core.guarded.count(kind, bytes);
    this.slow();
    claim.count++; // no call from here on
    this.operations++;
    this.#counter.operations++;
    return end;
  }

  /** Ends `count` operations of a claim. */
  end(claim, count) {
    if (claim.count === 0) return; // called twice
    const { core } = this;
    claim.count -= count;
    this.operations -= count;
    this.#counter.operations -= count;
    if (claim.count > 0) return;
    claim.next = core.over;
    core.over = claim; // no call before this line
    finishClaims(core);
  }

  /** Whether an operation uses some of these bytes. */
  covers(start, stop) {
    return this.operations > 0 && this.over(start, stop) !== undefined;
  }

  /** If an operation uses the bytes of a freed part, makes the part wait and returns true. */
  wait(part) {
    const claim = this.operations > 0 ? this.over(part.start, part.stop) : undefined;
    if (claim === undefined) return false;
    if (!this.watched) idle.watch(this);
    if (claim.waiting === NONE) claim.waiting = [];
    claim.waiting.push(part);
    return true;
  }

  /** The number of waiting parts, for audits. */
  get waiting() {
    return this.all().reduce((sum, { waiting }) => sum + waiting.length, 0);
  }

  /** Called by the idle timer; returns whether it goes on. */
  tick() {
    const claims = this.all().filter(({ waiting }) => waiting.length > 0);
    for (const claim of claims) watchOrphans(claim);
    return claims.length > 0;
  }

  /** Can be called again if it was interrupted. */
  finish(claim) {
    this.remove(claim);
    if (!this.core.isLive) return this.leave();
    for (let part = claim.waiting.at(-1); part !== undefined; part = claim.waiting.at(-1)) {
      if (!this.wait(part)) this.takeBack(part);
      claim.waiting.pop();
    }
    if (this.#counter.operations === 0) this.fast();
    return undefined;
  }
}

/** Takes the parts back that waited for claims which are over. */
function finishClaims(core) {
  while (core.over !== null) {
    const claim = core.over;
    claim.claims.finish(claim);
    core.over = claim.next;
  }
}

module.exports = { Claim, Claims, finishClaims };
