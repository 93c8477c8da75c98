'use strict';

// Decides who may charge next. Each budget has a queue of waiters, and a ring of lines: its own
// queue and the budgets below that offer a waiter. Lines take turns, one waiter each. The line
// whose turn it is stays `current` until its waiter is served, so memory that becomes free is kept
// for it. If its waiter fits here, it is offered to the budget above. A waiter that its own budget
// blocks is not offered, and blocks nobody else. A waiter that needs nothing of the budgets above,
// because it is within a reserve, is served at once.
//
// Only the queues are authoritative. Rings, turns and offers are derived from them, and rebuilt
// after an interrupted call (see memory/chunk-pool.js).

const { channel } = require('node:diagnostics_channel');
const { closedError, limitError, withStatus } = require('../base/errors.js');
const { itemOf } = require('../base/item-of.js');
const { lazy } = require('../base/lazy.js');
const time = require('../base/time.js');
const { Line } = require('../base/line.js');
const { Sums, beyond } = require('./sums.js');
const { AT_ONCE, Ranking, usageOf } = require('./usage.js');

const refusals = channel('ralloc:budget:refused');
const pressed = channel('ralloc:budget:pressure');
const pressures = lazy(() => require('./pressure.js'));
const NO_PRESSURE = { level: 'none', cause: null };
let known = null; // the pressure of the process, once there was a charge

/** If no file can be opened, a later charge tries again. */
function lookSoon(root) {
  try {
    known = pressures().pressure;
  } catch (error) {
    if (error instanceof RangeError) throw error; // the stack overflowed
    return;
  }
  known.watch(root);
}

/** The waiters of one budget, in order. It is a line of the budget's ring. */
class Queue {
  waiters = new Line();
  line = null;
  previous = null;
  next = null;

  /** Adds a waiter behind those whose number is not higher. */
  add(waiter) {
    let next = null;
    if (waiter.number < Number.POSITIVE_INFINITY)
      for (next = this.waiters.first; next !== null && next.number <= waiter.number; )
        ({ next } = next);
    this.waiters.insert(waiter, next);
  }

  get offer() {
    return this.waiters.first;
  }

  /** Bytes that the offered waiter needs of the budget. */
  get needs() {
    return this.waiters.first.bytes;
  }
}

/** State that all budgets of a tree share. */
class Tree {
  waiting = 0;
  shares = 0; // the number of pools with a share
  isBusy = false; // a change of turns is running, or was interrupted
  #root;
  #due = new Set(); // ledgers that may have a waiter to serve
  #ended = []; // waiters that were served or refused
  #told = 0; // how many of these were told

  constructor(root) {
    this.#root = root;
  }

  serveLater(ledger) {
    this.#due.add(ledger);
  }

  tellLater(waiter) {
    const ended = this.#ended;
    ended[ended.length] = waiter;
  }

  /**
   * Runs act(), which changes who can be served and calls no user code. Then serves the waiters
   * that fit, and tells all whose wait is over.
   */
  change(act) {
    if (this.isBusy) this.repair();
    this.isBusy = true;
    act();
    for (const ledger of this.#due) {
      this.#due.delete(ledger); // it may be added again, at the end
      ledger.serve();
    }
    this.isBusy = false;
    while (this.#told < this.#ended.length) {
      this.#ended[this.#told].tell();
      this.#told++;
    }
    this.#ended = [];
    this.#told = 0;
  }

  repair() {
    this.#due.clear();
    this.#root.repair();
    this.waiting = this.#root.waiting;
  }
}

const BY_OPTION = { option: 'maxBytes', of: 'the budget' };

class Ledger extends Sums {
  name;
  tree;
  children = new Set(); // those that are open or have charges
  isClosed = false;
  root; // the topmost budget of the tree
  mark = 0; // in a root: when so many bytes are charged, the memory of the process is checked again (pressure.js)
  #shares = new Set(); // WeakRefs of the pools' shares (share.js)
  #rest = 0; // so many more refusals ask no pool, because none had warm memory
  ranking = new Ranking();
  waiting = 0; // waiters here and below
  counts = { refused: 0, waited: 0, timedOut: 0, aborted: 0 };
  label = null; // the label in metrics, for budgets of single clients, which must not each be a series
  raisedBy = BY_OPTION; // what gives it more, for errors
  isTenant = false; // whether the function `budget` of a middleware returned it for a request (request/tenant.js)
  pressed = 0; // how often a charge did not fit here
  #handlers = null; // a WeakRef: the Budget owns them
  #isPressed = false;

  // Its fields as a line of the parent's ring.
  line = null;
  previous = null;
  next = null;
  offer = null; // a waiter
  needs = 0; // bytes that the offered waiter needs of the parent

  #queue = new Queue();
  #ring = new Line();
  #served = null; // a waiter that fits and needs nothing of the parent

  constructor(name, limit, parent) {
    super(limit, parent);
    this.name = name;
    this.tree = parent === null ? new Tree(this) : parent.tree;
    this.root = parent === null ? this : parent.root;
  }

  /** Call it before charging more bytes. */
  watch(bytes) {
    const { root } = this;
    const used = root.used + bytes;
    if (used >= root.mark && used > 0) lookSoon(root);
  }

  /** The pressure of the process. */
  get pressure() {
    return known?.state ?? NO_PRESSURE;
  }

  checkOpen() {
    if (this.isClosed) throw this.#closedError();
  }

  #closedError() {
    return closedError(this.name === '' ? 'The budget' : `The budget '${this.name}'`);
  }

  /**
   * Returns the budget that has no room for `bytes`, or whose waiters come first; null if they fit.
   * After an interrupted call the turns may be wrong.
   */
  refuserOf(bytes, isNew) {
    let full = this.fullFor(bytes, isNew);
    if (full !== null && this.tree.isBusy) {
      this.update();
      full = this.fullFor(bytes, isNew);
    }
    return full === null ? null : (this.fullFor(bytes, false) ?? full.#cause());
  }

  /** Like refuserOf(), but has pools give back their warm memory first if the bytes do not fit. */
  seekRoom(bytes, isNew) {
    const full = this.refuserOf(bytes, isNew);
    if (full === null || this.tree.shares === 0 || !this.reclaim(bytes, isNew)) return full;
    return this.refuserOf(bytes, isNew);
  }

  /**
   * Has the pools of the full budget, except `own`, give back warm memory until `bytes` fit.
   * Returns whether any pool gave something back.
   */
  reclaim(bytes, isNew, own = null) {
    const full = this.fullFor(bytes, isNew);
    if (full === null || this.tooSmallFor(bytes) !== null) return false;
    return full.#reclaim(own, () => this.fullFor(bytes, isNew) === null);
  }

  #reclaim(own, isEnough) {
    if (this.#rest > 0) {
      this.#rest--;
      return false;
    }
    const before = this.used;
    let asked = 0;
    for (const share of this.#sharesBelow()) {
      asked++;
      if (share !== own) share.giveBack();
      if (isEnough()) return true;
    }
    if (this.used < before) return true;
    this.#rest = Math.floor(asked / AT_ONCE);
    return false;
  }

  /** Has pools give back their warm memory if anybody waits for it. */
  relieve() {
    const { tree } = this;
    if (tree.waiting > 0 && tree.shares > 0) this.#reclaim(null, () => tree.waiting === 0);
  }

  /** `ref`: a WeakRef to the share of a pool. */
  addShare(ref) {
    this.#shares.add(ref);
    this.tree.shares++;
  }

  deleteShare(ref) {
    if (this.#shares.delete(ref)) this.tree.shares--;
  }

  *#sharesBelow() {
    for (const ref of this.#shares) {
      const share = ref.deref();
      if (share !== undefined) yield share;
    }
    for (const child of this.children) yield* child.#sharesBelow();
  }

  /** Like room(), and correct even after an interrupted call. */
  settledRoom(isNew) {
    if (this.tree.isBusy) this.update();
    return this.room(isNew);
  }

  /** The error for a charge that has `held` bytes and cannot grow by `bytes`. */
  growthRefusal(bytes, held, isNew = held === 0) {
    const small = this.tooSmallFor(held + bytes);
    const full = small ?? this.refuserOf(bytes, isNew) ?? this;
    return full.refusal(bytes, small !== null);
  }

  /** The same error for memory of a pool. Counts the refusal. */
  refuseGrowth(bytes, held, isNew) {
    if (this.isClosed) return this.#closedError();
    (this.refuserOf(bytes, isNew) ?? this).refuse();
    return this.growthRefusal(bytes, held, isNew);
  }

  #cause() {
    const { ledger, bytes } = this.current.offer;
    return ledger.fullFor(bytes, false) ?? this;
  }

  /**
   * The error that `requested` bytes do not fit here. `isForEver`: they would not fit into an empty
   * budget either.
   */
  refusal(requested, isForEver, details) {
    const about = { ...this.raisedBy, name: this.name };
    const error = limitError(about, requested, this.limit, this.taken, usageOf(this));
    const full = this.parent === null ? 503 : 429;
    return withStatus(
      isForEver ? 413 : full,
      Object.assign(error, { budget: this.name, ...details }),
    );
  }

  pressedBy(handlers) {
    this.#handlers = new WeakRef(handlers);
    return handlers;
  }

  /** Counts a refusal. */
  refuse() {
    this.counts.refused++;
    if (refusals.hasSubscribers) {
      const { name: budget, limit, used, waiting } = this;
      refusals.publish({ budget, limit, used, waiting });
    }
    this.press();
  }

  /**
   * Tells the handlers that a charge does not fit. Calls before the handlers run are combined into
   * one.
   */
  press() {
    this.pressed++;
    const isHeard = pressed.hasSubscribers || this.#handlers?.deref() !== undefined;
    if (!isHeard || this.#isPressed) return;
    this.#isPressed = true;
    time.outside(() => {
      this.#isPressed = false;
      const { limit, used } = this;
      const { level } = this.pressure;
      this.#tell({ level, cause: { of: 'budget', value: used, limit } });
    });
  }

  /** Calls each handler in its own tick, so that one that throws does not stop the others. */
  #tell(state) {
    const { name, limit, used } = this;
    const told = { budget: name, limit, used, ...state };
    if (pressed.hasSubscribers) pressed.publish(told);
    for (const handler of this.#handlers?.deref() ?? []) time.nextTick(handler, { ...told });
  }

  /** Tells the handlers, here and below, that the pressure of the process is at another level. */
  tell(state) {
    this.#tell(state);
    for (const child of this.children) child.tell(state);
  }

  /** Serves the waiters that fit now, after the sums changed here and above. */
  update() {
    this.tree.change(() => this.#refresh());
  }

  enqueue(waiter) {
    this.tree.change(() => {
      this.#queue.add(waiter);
      this.#count(1);
      this.#refresh();
    });
    this.counts.waited++;
  }

  /** Ends the wait of `waiter` with `error`. */
  #leave(waiter, error) {
    if (waiter.line === null) return; // the call that enqueued it was interrupted
    waiter.error = error;
    this.tree.tellLater(waiter);
    this.#queue.waiters.remove(waiter);
    this.#count(-1);
  }

  #count(more) {
    for (let ledger = this; ledger !== null; ledger = ledger.parent) ledger.waiting += more;
    this.tree.waiting += more;
  }

  #place(line) {
    if (line.offer === null) {
      if (line.line !== null) this.#ring.remove(line);
      if (this.current === line) this.current = null;
    } else if (line.line === null && this.current !== line) {
      this.#ring.push(line);
    }
  }

  #choose() {
    if (this.current === null && this.#ring.first !== null) {
      const { first } = this.#ring;
      this.#ring.remove(first);
      this.current = first;
    }
    this.offer = null;
    this.#served = null;
    const { current, taken, parent } = this;
    if (current === null || current.needs > this.limit - taken) return;
    this.needs = parent === null ? 0 : beyond(this.reserve, taken, taken + current.needs);
    if (this.needs > 0) {
      this.offer = current.offer;
    } else {
      this.#served = current.offer;
      this.tree.serveLater(this);
    }
  }

  /** Computes whose turn it is, after a change here. */
  #refresh() {
    this.#place(this.#queue);
    for (let ledger = this; ledger !== null; ledger = ledger.parent) {
      ledger.#choose();
      ledger.parent?.#place(ledger);
    }
  }

  /** Computes whose turn it is here and below, after changes anywhere below. */
  #refreshAll() {
    for (const child of this.children) {
      child.#refreshAll();
      this.#place(child);
    }
    this.#place(this.#queue);
    this.#choose();
  }

  serve() {
    const waiter = this.#served;
    if (waiter === null) return;
    const { ledger, bytes } = waiter;
    for (let one = ledger; one !== this; one = one.parent) one.current = null;
    this.current = null;
    ledger.shift(bytes, bytes);
    waiter.isServed = true; // no call between these two
    this.tree.tellLater(waiter);
    ledger.charges++;
    ledger.#queue.waiters.remove(waiter);
    ledger.#count(-1);
    ledger.#refresh();
  }

  /** Rebuilds everything that is derived from the queues. */
  repair() {
    this.#ring = new Line();
    this.current = null;
    this.#queue.line = null;
    this.waiting = 0;
    const { waiters } = this.#queue;
    for (let one = waiters.first; one !== null; one = one.next) {
      const isOver = one.isServed || one.error !== null;
      if (isOver && one.isWaiting) this.tree.tellLater(one);
      if (isOver || !one.isWaiting) waiters.remove(one);
      else this.waiting++;
    }
    for (const child of this.children) {
      child.repair();
      child.line = null;
      this.waiting += child.waiting;
      this.#place(child);
    }
    this.#place(this.#queue);
    this.#choose();
  }

  /** Refuses waiters, here and below, that can never be served. */
  #sweep() {
    for (let one = this.#queue.waiters.first; one !== null; one = one.next) {
      const small = this.tooSmallFor(one.bytes);
      if (small !== null) this.#leave(one, small.refusal(one.bytes, true));
    }
    for (const child of this.children) child.#sweep();
  }

  resize(limit) {
    const isLess = limit < this.limit;
    this.tree.change(() => {
      this.limit = limit;
      if (isLess) {
        this.#sweep();
        this.#refreshAll();
      }
      this.#refresh();
    });
  }

  /** The parent, if any, must have room for `reserve`. */
  open(reserve) {
    this.parent?.children.add(this);
    if (reserve === 0) return;
    this.tree.change(() => {
      this.setReserve(reserve);
      this.root.#sweep();
      this.root.#refreshAll();
    });
  }

  /** Closes this budget and all below. Charges stay until they are released. */
  close() {
    if (this.isClosed) return;
    this.tree.change(() => {
      this.#closeAll();
      this.#refreshAll();
      this.#refresh();
      this.#forgetAll();
    });
  }

  #closeAll() {
    for (const child of this.children) child.#closeAll();
    const { waiters } = this.#queue;
    for (let one = waiters.first; one !== null; one = one.next)
      this.#leave(one, this.#closedError());
    this.setReserve(0);
    this.isClosed = true;
  }

  #forgetAll() {
    for (const child of this.children) child.#forgetAll();
    this.#forget();
  }

  #forget() {
    if (this.used === 0) this.parent?.children.delete(this);
  }

  /** Call it after a release if somebody waits or the budget is closed. */
  released() {
    for (let one = this; one?.isClosed; one = one.parent) one.#forget();
    if (this.tree.waiting > 0) this.update();
  }

  /** The Budget and its charges were collected: releases what they had charged. */
  drop() {
    let own = this.used;
    for (const child of this.children) own -= child.used;
    this.close();
    this.shift(-own, -own);
    this.released();
  }

  /**
   * Ends the wait of `waiters`, which may be of different budgets. None of them is served
   * meanwhile.
   */
  static withdraw(waiters, errorOf) {
    const trees = new Map();
    for (const one of waiters) itemOf(trees, one.ledger.tree, () => []).push(one);
    for (const [tree, own] of trees) {
      tree.change(() => {
        for (const one of own) one.ledger.#leave(one, errorOf(one));
        for (const one of own) one.ledger.#refresh();
      });
    }
  }
}

module.exports = { Ledger };
