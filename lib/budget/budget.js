'use strict';

// The classes Budget and Charge: limits of bytes that a program sets itself, in trees. sums.js adds
// up the charges, ledger.js decides who may charge next.

const { inspect } = require('node:util');
const {
  abortedError,
  argumentError,
  closedError,
  rangeError,
  typeError,
} = require('../base/errors.js');
const { formatBytes } = require('../base/bytes.js');
const { instances } = require('../base/instances.js');
const { named } = require('../base/name.js');
const time = require('../base/time.js');
const check = require('../base/validate.js');
const { groupOf } = require('./abort-signal.js');
const { automatic } = require('./auto.js');
const { Ledger } = require('./ledger.js');

const MOST = Number.MAX_SAFE_INTEGER;
const MOST_SHARES = 65_536;
const MADE_HERE = Symbol('made here');

const bytesOf = (value, name = 'bytes') => check.integer(value, name, 0, MOST);

let isBudget;
let ledgerOf;
let begin; // creates a Charge
let roomOf; // how many bytes a Charge may grow by
let setCharge; // sets the bytes of a Charge, even beyond the limit
let merge; // moves the bytes of a Charge to another one of the same budget
let acquireFor; // acquire() for a request: those with a lower number come first
let record; // gives a Charge the bytes that its waiter was served

class Charge {
  #budget; // null once released. Keeps the budget from being collected
  #bytes = 0;

  constructor(key, budget) {
    if (key !== MADE_HERE) {
      throw argumentError(TypeError, 'A Charge comes from charge(), tryCharge() or acquire()');
    }
    this.#budget = budget;
  }

  get bytes() {
    return this.#bytes;
  }

  get #ledger() {
    if (this.#budget === null) throw closedError('The charge');
    return ledgerOf(this.#budget);
  }

  /** Charges `bytes` more and returns null, or returns the ledger that has no room for them. */
  #grow(bytes) {
    bytesOf(bytes);
    const ledger = this.#ledger;
    ledger.checkOpen();
    const full = ledger.seekRoom(bytes, this.#bytes === 0); // an empty charge must not overtake those who wait
    if (full !== null) {
      full.refuse();
      return full;
    }
    ledger.watch(bytes);
    ledger.shift(bytes, bytes);
    this.#bytes += bytes; // no call between these two
    if (ledger.tree.waiting > 0) ledger.update();
    return null;
  }

  grow(bytes) {
    const full = this.#grow(bytes);
    if (full !== null) throw this.#ledger.growthRefusal(bytes, this.#bytes);
  }

  tryGrow(bytes) {
    return this.#grow(bytes) === null;
  }

  shrink(bytes) {
    const ledger = this.#ledger;
    check.integer(bytes, 'bytes', 0, this.#bytes);
    ledger.shift(-bytes, -bytes);
    this.#bytes -= bytes; // no call between these two
    if (ledger.tree.waiting > 0) ledger.update();
  }

  release() {
    if (this.#budget === null) return;
    const ledger = this.#ledger;
    const bytes = this.#bytes;
    ledger.shift(-bytes, -bytes);
    this.#budget = null; // no call between these
    this.#bytes = 0;
    ledger.charges--;
    if (ledger.tree.waiting > 0 || ledger.isClosed) ledger.released();
  }

  [Symbol.dispose]() {
    this.release();
  }

  [inspect.custom]() {
    if (!(#bytes in this)) return 'Charge {}'; // a Proxy, or an object that inherits from a Charge
    const of =
      this.#budget === null ? 'released' : `of ${named('budget', ledgerOf(this.#budget).name)}`;
    return `Charge { ${formatBytes(this.#bytes)}, ${of} }`;
  }

  static {
    begin = (budget, ledger, bytes) => {
      ledger.watch(bytes);
      const charge = new Charge(MADE_HERE, budget);
      ledger.shift(bytes, bytes);
      charge.#bytes = bytes; // no call between these
      ledger.charges++;
      return charge;
    };
    roomOf = (charge) => {
      if (charge.#budget === null) return 0;
      const ledger = ledgerOf(charge.#budget);
      return ledger.isClosed ? 0 : ledger.settledRoom(charge.#bytes === 0);
    };
    setCharge = (charge, bytes) => {
      const more = bytes - charge.#bytes;
      if (more === 0 || charge.#budget === null) return;
      const ledger = ledgerOf(charge.#budget);
      if (more > 0) ledger.watch(more);
      ledger.shift(more, more);
      charge.#bytes = bytes; // no call between these two
      if (ledger.tree.waiting > 0 || ledger.isClosed) ledger.released();
    };
    merge = (charge, other) => {
      if (charge.#budget === null) return other.release();
      charge.#bytes += other.#bytes;
      other.#bytes = 0; // no call between these two
      return other.release();
    };
    record = (charge, waiter) => {
      charge.#bytes = waiter.bytes;
      waiter.isTold = true;
    };
  }
}

/** A call of acquire() that waits: a member of its ledger's queue. */
class Waiter {
  line = null;
  previous = null;
  next = null;
  isWaiting = false; // the caller has its promise
  isServed = false;
  error = null; // why it was refused
  isTold = false;
  #charge;
  #resolve;
  #reject;
  #group;
  #timer;

  constructor(budget, bytes, number) {
    this.number = number;
    this.ledger = ledgerOf(budget);
    this.bytes = bytes;
    this.#charge = new Charge(MADE_HERE, budget);
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  endBy(signal, timeoutMs) {
    if (timeoutMs !== undefined) this.#timer = time.setTimeout(expire, timeoutMs, this, timeoutMs);
    if (signal !== undefined) this.#group = groupOf(signal, this, abort);
  }

  tell() {
    if (this.#timer !== undefined) time.clearTimeout(this.#timer);
    this.#group?.delete(this);
    if (this.error !== null) return this.#reject(this.error);
    if (!this.isTold) record(this.#charge, this);
    this.ledger.watch(0);
    this.#resolve(this.#charge);
  }
}

function expire(waiter, waitedMs) {
  const { ledger, bytes } = waiter;
  const full = ledger.fullFor(bytes, false) ?? ledger;
  ledger.counts.timedOut++;
  Ledger.withdraw([waiter], () => full.refusal(bytes, false, { waitedMs }));
}

const abortion = ({ ledger, bytes }, { reason }) =>
  abortedError(
    `The wait for ${bytes} bytes of ${named('budget', ledger.name)} was aborted`,
    reason,
  );

function abort(waiters, signal) {
  for (const { ledger } of waiters) ledger.counts.aborted++;
  Ledger.withdraw(waiters, (waiter) => abortion(waiter, signal));
}

function signalOf(value, name) {
  const isSignal = value !== null && typeof value === 'object' && 'aborted' in value;
  if (isSignal && typeof value.addEventListener === 'function') return value;
  throw typeError(name, 'an instance of AbortSignal', value);
}

const WAITS = {
  signal: signalOf,
  timeoutMs: (value, name) => check.milliseconds(value, name, 0),
};

const NO_END = {};

const OPTIONS = {
  name: check.string,
  maxBytes: (value, name) => (value === 'auto' ? value : bytesOf(value, name)),
  share: (value, name) => check.integer(value, name, 1, MOST_SHARES),
  parent: (value, name) => budgetOf(value, name),
  reserve: bytesOf,
};

function limitOf({ maxBytes, share }) {
  if (maxBytes === 'auto') return automatic(share ?? 1);
  check.number(maxBytes, 'options.maxBytes');
  if (share === undefined) return { maxBytes, auto: null };
  throw argumentError(TypeError, '"options.share" is for maxBytes: "auto" alone');
}

/** Throws if a budget of `maxBytes` cannot reserve `reserve` bytes of its parent. */
function checkReserve(reserve, maxBytes, parent) {
  const name = 'options.reserve';
  if (reserve > maxBytes) throw rangeError(name, `at most maxBytes, ${maxBytes}`, reserve);
  if (parent === null) {
    if (reserve === 0) return;
    throw rangeError(name, '0 without a parent, of which it is reserved', reserve);
  }
  parent.checkOpen();
  if (parent.tooSmallFor(reserve) !== null) {
    throw rangeError(name, 'at most what the parent has, less what is reserved there', reserve);
  }
  const full = parent.refuserOf(reserve, true);
  if (full !== null) throw full.refusal(reserve, false);
}

/** Releases the charges of budgets that were collected. */
const dropped = new FinalizationRegistry((ledger) => ledger.drop());

class Budget {
  #ledger;
  #parent; // held, so that it is not collected
  #auto; // how 'auto' computed the limit, or null
  #handlers = null;

  constructor(options) {
    const settings = check.options(options, OPTIONS);
    const { name = '', parent, reserve = 0 } = settings;
    const { maxBytes, auto } = limitOf(settings);
    const above = parent === undefined ? null : parent.#ledger;
    checkReserve(reserve, maxBytes, above);
    this.#parent = parent;
    this.#auto = auto;
    const ledger = new Ledger(name, maxBytes, above);
    this.#ledger = ledger;
    instances.budgets.add(ledger); // before open(), because any call may overflow the stack
    dropped.register(this, ledger);
    ledger.open(reserve);
  }

  // Hot: see bench/operations/buffers.js.
  tryCharge(bytes) {
    if (!Number.isSafeInteger(bytes) || bytes < 0) bytesOf(bytes);
    const ledger = this.#ledger;
    ledger.checkOpen();
    const full = ledger.seekRoom(bytes, true);
    if (full === null) return begin(this, ledger, bytes);
    full.refuse();
    return null;
  }

  charge(bytes) {
    const charge = this.tryCharge(bytes);
    if (charge === null) throw this.#ledger.growthRefusal(bytes, 0);
    return charge;
  }

  acquire(bytes, options) {
    try {
      return this.#acquire(bytes, options, Number.POSITIVE_INFINITY);
    } catch (error) {
      // After a stack overflow Node cannot register a rejection, and would end the process.
      if (error instanceof RangeError && error.code === undefined) throw error;
      return Promise.reject(error);
    }
  }

  /**
   * `number`: its place among those who wait; infinite for whoever has nothing yet, behind all
   * others.
   */
  #acquire(bytes, options, number) {
    if (!Number.isSafeInteger(bytes) || bytes < 0) bytesOf(bytes);
    const { signal, timeoutMs } = options === undefined ? NO_END : check.options(options, WAITS);
    const ledger = this.#ledger;
    ledger.checkOpen();
    if (signal?.aborted) throw abortion({ ledger, bytes }, signal);
    const full = ledger.seekRoom(bytes, number === Number.POSITIVE_INFINITY);
    if (full === null) return Promise.resolve(begin(this, ledger, bytes));
    if (timeoutMs === 0 || ledger.tooSmallFor(bytes) !== null) {
      full.refuse();
      throw ledger.growthRefusal(bytes, 0);
    }
    full.press();
    const waiter = new Waiter(this, bytes, number);
    try {
      waiter.endBy(signal, timeoutMs);
      ledger.enqueue(waiter);
      waiter.isWaiting = true; // no call between this line and the one above
    } catch (error) {
      waiter.error = error; // the stack overflowed: this waiter must not be served
      ledger.tree.isBusy = true;
      throw error;
    }
    return waiter.promise;
  }

  onPressure(handler) {
    check.func(handler, 'handler');
    this.#ledger.checkOpen();
    this.#handlers ??= this.#ledger.pressedBy(new Set());
    const own = (pressure) => handler(pressure); // so that the same function can be registered twice
    this.#handlers.add(own);
    return () => {
      this.#handlers.delete(own);
    };
  }

  resize(maxBytes) {
    const ledger = this.#ledger;
    const least = Math.max(ledger.reserve, ledger.least);
    check.number(maxBytes, 'maxBytes');
    if (!Number.isSafeInteger(maxBytes) || maxBytes < least) {
      const range = `an integer >= ${least}, which is reserved, and <= ${MOST}`;
      throw rangeError('maxBytes', range, maxBytes);
    }
    ledger.checkOpen();
    ledger.resize(maxBytes);
    this.#auto = null;
  }

  close() {
    this.#ledger.close();
  }

  get name() {
    return this.#ledger.name;
  }

  get parent() {
    return this.#parent;
  }

  get used() {
    return this.#ledger.used;
  }

  get available() {
    const ledger = this.#ledger;
    return ledger.isClosed ? 0 : ledger.room(true);
  }

  stats() {
    const ledger = this.#ledger;
    const { name, isClosed, limit, reserve, used, taken, peak, charges, waiting, counts } = ledger;
    return {
      name,
      live: !isClosed,
      limit,
      auto: this.#auto,
      reserve,
      used,
      reserved: taken - used,
      available: this.available,
      peak,
      charges,
      waiting,
      ...counts,
      pressure: ledger.pressure,
    };
  }

  [inspect.custom]() {
    if (!(#ledger in this)) return 'Budget {}'; // a Proxy, or an object that inherits from a Budget
    const { name, live, limit, used, waiting } = this.stats();
    const parts = [live ? 'live' : 'closed', `${formatBytes(used)} of ${formatBytes(limit)} used`];
    if (waiting > 0) parts.push(`${waiting} waiting`);
    return `Budget${name === '' ? '' : ` '${name}'`} { ${parts.join(', ')} }`;
  }

  static {
    ledgerOf = (budget) => budget.#ledger;
    acquireFor = (budget, ...args) => budget.#acquire(...args);
    isBudget = (value) => typeof value === 'object' && value !== null && #ledger in value;
  }
}

/** A charge that counts even beyond the limit, and even if the budget is closed. */
const force = (budget, bytes) => begin(budget, ledgerOf(budget), bytes);

function budgetOf(value, name) {
  if (isBudget(value)) return value;
  throw typeError(name, 'an instance of Budget, of the same copy of ralloc', value);
}

module.exports = {
  Budget,
  acquireFor,
  budgetOf,
  force,
  ledgerOf,
  merge,
  roomOf,
  setCharge,
};
