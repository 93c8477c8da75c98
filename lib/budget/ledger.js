'use strict';

// Who may charge next. Each budget has a queue of those who wait for it, and a ring of lines: its own queue, and the budgets below it that have
// somebody to offer. Lines take turns, a waiter each. The one whose turn it is stays `current` until its waiter is served, so what becomes free is
// kept for it, and offers its waiter to the budget above where it fits here. What is blocked by its own budget is not offered, and blocks
// nobody else. What needs nothing of those above, since it is within a reserve, is served at once.
//
// The queues are what is true. Rings, turns and offers follow from them, and are made anew where a call was cut off (see memory/chunk-pool.js).

const { channel } = require('node:diagnostics_channel');
const { closedError, limitError, withStatus } = require('../base/errors.js');
const { lazy } = require('../base/lazy.js');
const time = require('../base/time.js');
const { Line } = require('./line.js');
const { Sums, beyond } = require('./sums.js');
const { AT_ONCE, Ranking, usageOf } = require('./usage.js');

const refusals = channel('ralloc:budget:refused');
const pressed = channel('ralloc:budget:pressure');
const pressures = lazy(() => require('./pressure.js'));
const NO_PRESSURE = { level: 'none', cause: null };
let known = null; // the process' pressure, from the first charge on

/** Where no file can be opened, a later charge asks again. */
function lookSoon(root) {
  try {
    known = pressures().pressure;
  } catch (error) {
    if (error instanceof RangeError) throw error; // the stack ends here
    return;
  }
  known.watch(root);
}

/** Those who wait for one budget, in order; a line of its ring. */
class Queue {
  waiters = new Line();
  line = null;
  previous = null;
  next = null;

  get offer() {
    return this.waiters.first;
  }

  /** What the offer needs of the budget whose line this is. */
  get needs() {
    return this.waiters.first.bytes;
  }
}

/** What the budgets of a tree have together. */
class Tree {
  waiting = 0;
  shares = 0; // of pools
  isBusy = false; // while turns change, or where that was cut off
  #root;
  #due = new Set(); // ledgers that may have somebody to serve
  #ended = []; // waiters that are served or refused
  #told = 0; // so many of them

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

  /** Whatever changes who can be served: act() does it, without a call of the user's. Then serves them, and tells all whose wait is over. */
  change(act) {
    if (this.isBusy) this.repair();
    this.isBusy = true;
    act();
    for (const ledger of this.#due) {
      this.#due.delete(ledger); // to be added again, as the last
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

class Ledger extends Sums {
  name;
  tree;
  children = new Set(); // that are open, or have charges
  isClosed = false;
  root; // of the tree
  mark = 0; // of a root: bytes from which on the process' memory is looked at (pressure.js)
  #shares = new Set(); // WeakRefs of the pools' (share.js)
  #rest = 0; // refusals that ask no pool: so many are there, and all of them had nothing warm
  ranking = new Ranking();
  waiting = 0; // here and below
  counts = { refused: 0, waited: 0, timedOut: 0, aborted: 0 };
  label = null; // in metrics, of one that is made for a client and must be no series of its own
  isTenant = false; // a middleware's function has returned its budget for a request (request/tenant.js)
  pressed = 0; // how often something did not fit here, whoever asked for it
  #handlers = null; // a WeakRef: the budget has them, which whoever charges has
  #isPressed = false;

  // As a line of the parent's ring.
  line = null;
  previous = null;
  next = null;
  offer = null; // a waiter
  needs = 0; // of the parent

  #queue = new Queue();
  #ring = new Line();
  #served = null; // the waiter that fits, and needs nothing of the parent

  constructor(name, limit, parent) {
    super(limit, parent);
    this.name = name;
    this.tree = parent === null ? new Tree(this) : parent.tree;
    this.root = parent === null ? this : parent.root;
  }

  /** To be called before more bytes are charged. */
  watch(bytes) {
    const { root } = this;
    const used = root.used + bytes;
    if (used >= root.mark && used > 0) lookSoon(root);
  }

  /** Of the process. */
  get pressure() {
    return known?.state ?? NO_PRESSURE;
  }

  checkOpen() {
    if (this.isClosed) throw this.#closedError();
  }

  #closedError() {
    return closedError(this.name === '' ? 'The budget' : `The budget '${this.name}'`);
  }

  /** The one that `bytes` have no room in now, or that those wait for who come first; null if they fit. Where a call was cut off, turns may be wrong. */
  refuserOf(bytes, isNew) {
    let full = this.fullFor(bytes, isNew);
    if (full !== null && this.tree.isBusy) {
      this.update();
      full = this.fullFor(bytes, isNew);
    }
    return full === null ? null : (this.fullFor(bytes, false) ?? full.#cause());
  }

  /** The same, once pools have given back what they have warm. */
  seekRoom(bytes, isNew) {
    const full = this.refuserOf(bytes, isNew);
    if (full === null || this.tree.shares === 0 || !this.reclaim(bytes, isNew)) return full;
    return this.refuserOf(bytes, isNew);
  }

  /** Lets the pools of the budget that is full give back what they have warm, but for `own`, until `bytes` fit: whether any gave something. */
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

  /** `ref`: a WeakRef of a pool's share. */
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

  /** `room()`, also where a call was cut off. */
  settledRoom(isNew) {
    if (this.tree.isBusy) this.update();
    return this.room(isNew);
  }

  /** The error of a charge that has `held` bytes, which are not released meanwhile, and `bytes` more do not fit. */
  growthRefusal(bytes, held, isNew = held === 0) {
    const small = this.tooSmallFor(held + bytes);
    const full = small ?? this.refuserOf(bytes, isNew) ?? this;
    return full.refusal(bytes, small !== null);
  }

  /** The same, counted, of memory. */
  refuseGrowth(bytes, held, isNew) {
    if (this.isClosed) return this.#closedError();
    (this.refuserOf(bytes, isNew) ?? this).refuse();
    return this.growthRefusal(bytes, held, isNew);
  }

  #cause() {
    const { ledger, bytes } = this.current.offer;
    return ledger.fullFor(bytes, false) ?? this;
  }

  /** The error that `requested` bytes do not fit here. `isForEver`: whatever is released. */
  refusal(requested, isForEver, details) {
    const about = { option: 'maxBytes', of: 'the budget', name: this.name };
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

  /** Counts what it refuses. */
  refuse() {
    this.counts.refused++;
    if (refusals.hasSubscribers) {
      const { name: budget, limit, used, waiting } = this;
      refusals.publish({ budget, limit, used, waiting });
    }
    this.press();
  }

  /** Tells the handlers that something does not fit: once, whatever else does not fit before they are called. */
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

  /** Each in a tick of its own: where one throws, the others are called. */
  #tell(state) {
    const { name, limit, used } = this;
    const told = { budget: name, limit, used, ...state };
    if (pressed.hasSubscribers) pressed.publish(told);
    for (const handler of this.#handlers?.deref() ?? []) time.nextTick(handler, { ...told });
  }

  /** Tells the handlers, also of those below, that the process has come to another level of pressure. */
  tell(state) {
    this.#tell(state);
    for (const child of this.children) child.tell(state);
  }

  /** Serves whom the sums leave room for, after they changed here and above. */
  update() {
    this.tree.change(() => this.#refresh());
  }

  enqueue(waiter) {
    this.tree.change(() => {
      this.#queue.waiters.push(waiter);
      this.#count(1);
      this.#refresh();
    });
    this.counts.waited++;
  }

  /** `waiter` waits no longer, and is told `error`. */
  #leave(waiter, error) {
    if (waiter.line === null) return; // where it began to wait, that was cut off
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

  /** Finds whose turn it is, after a change here. */
  #refresh() {
    this.#place(this.#queue);
    for (let ledger = this; ledger !== null; ledger = ledger.parent) {
      ledger.#choose();
      ledger.parent?.#place(ledger);
    }
  }

  /** The same after changes anywhere below. */
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

  /** All that follows from the queues. */
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

  /** Refuses those here and below that can never be served any more. */
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

  /** Where there is a parent, it has room for `reserve`. */
  open(reserve) {
    this.parent?.children.add(this);
    if (reserve === 0) return;
    this.tree.change(() => {
      this.setReserve(reserve);
      this.root.#sweep();
      this.root.#refreshAll();
    });
  }

  /** Takes nothing any more, here and below. What is charged stays so until it is released. */
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

  /** After a release, where somebody waits or this is closed. */
  released() {
    for (let one = this; one?.isClosed; one = one.parent) one.#forget();
    if (this.tree.waiting > 0) this.update();
  }

  /** Nobody has the budget any more, nor a charge of it: releases these. */
  drop() {
    let own = this.used;
    for (const child of this.children) own -= child.used;
    this.close();
    this.shift(-own, -own);
    this.released();
  }

  /** `waiters`, of whatever budgets, wait no longer. None of them is served meanwhile. */
  static withdraw(waiters, errorOf) {
    const trees = new Map();
    for (const one of waiters) {
      const { tree } = one.ledger;
      if (!trees.has(tree)) trees.set(tree, []);
      trees.get(tree).push(one);
    }
    for (const [tree, own] of trees) {
      tree.change(() => {
        for (const one of own) one.ledger.#leave(one, errorOf(one));
        for (const one of own) one.ledger.#refresh();
      });
    }
  }
}

module.exports = { Ledger };
