'use strict';

// What a pool of memory (of an arena or a middleware, a region or a slab) has of the budget that its option names: one charge, as long as the pool lives, of all bytes
// that its memory counts. That may be more than the pool knows: a finalizer gives memory back with nobody asking. So the charge is set to
// what the memory says, whenever something is taken or given back and at each idle tick.
//
// What a pool has warm is charged too. It goes back before anybody is refused for it, and is not kept while somebody waits.

const { beginCharge, budgetOf, ledgerOf, roomOf, setCharge } = require('./budget.js');

/** Charges of pools that nobody has any more. */
const dropped = new FinalizationRegistry(({ charge, ledger, ref }) => {
  charge.release();
  ledger.deleteShare(ref);
});

/** A charge that is set to what there is, of a pool or of a request. */
class Part {
  charge;
  ledger;

  constructor(budget) {
    this.ledger = ledgerOf(budget);
    this.charge = beginCharge(budget);
  }

  get bytes() {
    return this.charge.bytes;
  }

  /** Bytes that may be added. */
  get room() {
    return roomOf(this.charge);
  }

  /** It has so many bytes, whatever there is room for. */
  set(bytes) {
    setCharge(this.charge, bytes);
  }

  /** Whether there is room for `bytes` that was not there: pools have given back what they had warm. */
  makeRoom(bytes) {
    const { ledger } = this;
    if (bytes <= this.room || ledger.isClosed) return false;
    ledger.reclaim(bytes, this.bytes === 0, this);
    return bytes <= this.room;
  }

  /** The error that there is no room for `bytes`. `kept`: of those that it has, what is not given back before its end. */
  refusal(bytes, kept = this.bytes) {
    return this.ledger.refuseGrowth(bytes, kept, this.bytes === 0);
  }

  release() {
    this.charge.release();
  }
}

/** That of a pool. */
class Share extends Part {
  #ref = new WeakRef(this); // so that a budget keeps no arena
  #owner; // gives back what is warm, by giveBack()

  constructor(budget, owner) {
    super(budget);
    const { charge, ledger } = this;
    this.#owner = owner;
    dropped.register(this, { charge, ledger, ref: this.#ref }, this);
    ledger.addShare(this.#ref);
  }

  /** Whether somebody waits for what others have warm. */
  get isWanted() {
    return this.ledger.tree.waiting > 0;
  }

  giveBack() {
    this.#owner.giveBack();
  }

  refusal(bytes) {
    return super.refusal(bytes, 0);
  }

  /** The pool has no memory any more, and takes none. */
  release() {
    super.release();
    this.ledger.deleteShare(this.#ref);
    dropped.unregister(this);
  }
}

/** The option `budget` of a pool: makes the share of one. */
function sharing(value, name) {
  const budget = budgetOf(value, name);
  ledgerOf(budget).checkOpen();
  return (owner) => new Share(budget, owner);
}

module.exports = { Part, sharing };
