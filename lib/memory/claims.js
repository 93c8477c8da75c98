'use strict';

// Claims on bytes of one ArrayBuffer of a slab or region with the option `guard`, by operations of Node that use them after their function returned
// (lib/node/guard/). A slot or block that is freed meanwhile waits at a claim on some of its bytes. When its last operation finishes, the
// block is reused; until then it moves on to the next claim.
//
// While claims are open, every free takes the slow path, which asks here. Otherwise an allocation or a free costs what it costs
// without the option.

const { deadError } = require('../base/errors.js');
const idle = require('./idle.js');

const NONE = Object.freeze([]);

class Claim {
  count = 0; // operations that are not over
  next = null; // in the core's `over`
  waiting = NONE; // parts that were freed: { start, stop, … }, in bytes
  isWatched = false; // for operations that nobody can end

  constructor(claims, start, stop) {
    this.claims = claims;
    this.start = start; // bytes into the ArrayBuffer
    this.stop = stop;
    const end = () => claims.end(this, 1);
    // Before the operation's callback: there the Buffer can be sent, and a free finds nothing in flight.
    end.isFirst = true;
    this.end = new WeakRef(end); // who runs the operation has it
  }

  /** Whether it is open, and on some of these bytes. */
  covers(start, stop) {
    return this.count > 0 && this.start < stop && start < this.stop;
  }
}

/** Operations that nobody can end any more are over: a stream was dropped with what was written to it. */
const orphans = new FinalizationRegistry((claim) => claim.claims.end(claim, claim.count));

/** To ask V8 takes 0.2 µs, so it is asked of those alone at which something still waits at an idle tick. */
function watchOrphans(claim) {
  if (claim.isWatched) return;
  orphans.register(claim.end.deref() ?? {}, claim);
  claim.isWatched = true;
}

const nothing = () => {};

/**
 * The claims on an ArrayBuffer, whose `kHolder` it is: see base/protocol.js. What extends it says how its Buffers die: death and deathOf(view); lists the claims:
 * on(start, stop), over(start, stop), remove(claim) and all(); makes frees slow() while claims are open, and fast() again; takes parts back,
 * which does nothing the second time; and leaves a core that is closed.
 */
class Claims {
  operations = 0; // in flight
  watched = false; // by idle.js
  #core; // of the slab or region: { isLive, guarded, over }
  #counter; // has `operations` too: a pool of a slab, or the core of a region

  constructor(core, counter) {
    this.#core = core;
    this.#counter = counter;
  }

  /** Whether `view` is a Buffer whose bytes may be somebody else's. */
  isFreed(view) {
    return this.deathOf(view) !== undefined;
  }

  take(view, kind) {
    const core = this.#core;
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

  /** `count` operations of a claim are over. */
  end(claim, count) {
    if (claim.count === 0) return; // called twice
    const core = this.#core;
    claim.count -= count;
    this.operations -= count;
    this.#counter.operations -= count;
    if (claim.count > 0) return;
    claim.next = core.over;
    core.over = claim; // no call until here
    finishClaims(core);
  }

  /** Whether an operation uses some of these bytes. */
  covers(start, stop) {
    return this.operations > 0 && this.over(start, stop) !== undefined;
  }

  /** Lets a part that is freed wait, where an operation uses its bytes; else returns false. */
  wait(part) {
    const claim = this.operations > 0 ? this.over(part.start, part.stop) : undefined;
    if (claim === undefined) return false;
    if (!this.watched) idle.watch(this);
    if (claim.waiting === NONE) claim.waiting = [];
    claim.waiting.push(part);
    return true;
  }

  /** How many parts wait, for audits. */
  get waiting() {
    return this.all().reduce((sum, { waiting }) => sum + waiting.length, 0);
  }

  /** Called by the idle timer; returns whether it goes on. */
  tick() {
    const claims = this.all().filter(({ waiting }) => waiting.length > 0);
    for (const claim of claims) watchOrphans(claim);
    return claims.length > 0;
  }

  /** Can be called again for what was cut off. */
  finish(claim) {
    this.remove(claim);
    if (!this.#core.isLive) return this.leave();
    for (let part = claim.waiting.at(-1); part !== undefined; part = claim.waiting.at(-1)) {
      if (!this.wait(part)) this.takeBack(part);
      claim.waiting.pop();
    }
    if (this.#counter.operations === 0) this.fast();
    return undefined;
  }
}

/** Does what there is to do after claims that are over. */
function finishClaims(core) {
  while (core.over !== null) {
    const claim = core.over;
    claim.claims.finish(claim);
    core.over = claim.next;
  }
}

module.exports = { Claim, Claims, finishClaims };
