'use strict';

// A pool of memory (of an arena, a middleware, a region or a slab) has a share of the budget in its
// options: one charge for the life of the pool, equal to the bytes that its memory counts. A
// finalizer can give memory back without the pool, so the charge is set to that number whenever
// something is taken or given back, and at each idle tick.
//
// Warm memory of a pool is charged too. It is given back before anything is refused, and not kept
// while somebody waits.

const { budgetOf, force, ledgerOf, roomOf, setCharge } = require('./budget.js');

/** Releases the charges of pools that were collected. */
const dropped = new FinalizationRegistry(({ charge, ledger, ref }) => {
  charge.release();
  ledger.deleteShare(ref);
});

/** A charge that follows how much a pool or a request has. */
class Part {
  charge;
  ledger;

  constructor(budget) {
    this.ledger = ledgerOf(budget);
    this.charge = force(budget, 0);
  }

  get bytes() {
    return this.charge.bytes;
  }

  /** How many bytes it may grow by. */
  get room() {
    return roomOf(this.charge);
  }

  /** Sets the charge, even beyond the limit. */
  set(bytes) {
    setCharge(this.charge, bytes);
  }

  /**
   * Has pools give back warm memory until there is room for `bytes`. Returns whether that made
   * room.
   */
  makeRoom(bytes) {
    const { ledger } = this;
    if (bytes <= this.room || ledger.isClosed) return false;
    ledger.reclaim(bytes, this.bytes === 0, this);
    return bytes <= this.room;
  }

  /**
   * The error for `bytes` that do not fit. `kept`: how many of its bytes it gives back only at its
   * end.
   */
  refusal(bytes, kept = this.bytes) {
    return this.ledger.refuseGrowth(bytes, kept, this.bytes === 0);
  }

  release() {
    this.charge.release();
  }
}

/** The charge of a pool. */
class Share extends Part {
  #ref = new WeakRef(this); // so that a budget does not keep an arena alive
  #owner; // has giveBack(), which gives back warm memory

  constructor(budget, owner) {
    super(budget);
    const { charge, ledger } = this;
    this.#owner = owner;
    dropped.register(this, { charge, ledger, ref: this.#ref }, this);
    ledger.addShare(this.#ref);
  }

  /** Whether anybody waits, so that warm memory should be given back. */
  get isWanted() {
    return this.ledger.tree.waiting > 0;
  }

  giveBack() {
    this.#owner.giveBack();
  }

  refusal(bytes) {
    return super.refusal(bytes, 0);
  }

  /** Called when the pool has no memory and will take no more. */
  release() {
    super.release();
    this.ledger.deleteShare(this.#ref);
    dropped.unregister(this);
  }
}

/** Reads the option `budget` of a pool. Returns a function that creates its share. */
function sharing(value, name) {
  const budget = budgetOf(value, name);
  ledgerOf(budget).checkOpen();
  return (owner) => new Share(budget, owner);
}

module.exports = { Part, sharing };
