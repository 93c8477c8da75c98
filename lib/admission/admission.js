'use strict';

// admission(): decides which requests with a body are let in. A body is charged to a budget until
// the response is over, whatever parses it. A request that does not fit waits, or is answered
// before its body is read.

const { formatBytes } = require('../base/bytes.js');
const { RallocError, typeError } = require('../base/errors.js');
const { instances } = require('../base/instances.js');
const { itemOf } = require('../base/item-of.js');
const time = require('../base/time.js');
const check = require('../base/validate.js');
const { warnOnce } = require('../base/warnings.js');
const { Budget, acquireFor, ledgerOf } = require('../budget/budget.js');
const { pressure } = require('../budget/pressure.js');
const { checkCalled, faultOf, nextError } = require('../request/messages.js');
const { UNKNOWN, lengthOf } = require('./inflow.js');
const { Keys, raisedFor } = require('./keys.js');
const { OpenRequests } = require('./open.js');
const { admissionSettings, answerOf } = require('./options.js');
const { AdmittedRequest, TICK_MS } = require('./request.js');

/** The outcome of enter() for a request that was answered, or whose client is gone. */
const REFUSED = Symbol('refused');

const LEAST_PROMISE = 16 * 1024;
const SHARE = 16; // all waiting requests together have a 16th of the budget
const GUESS_SHARE = 4; // a body of unknown length is promised a quarter of the budget at most
const FORGET = 16; // after about so many bodies, a guess is near their length
const READ = 64 * 1024;
const REQUEST = 4096; // the objects of a waiting request
const NEW = Number.POSITIVE_INFINITY; // the number of requests that have not been let in
const STANDSTILL_MS = 500; // after which the youngest makes room for the oldest

/** Guesses how much the next body of unknown length takes, from the last ones. */
class Guess {
  bytes = LEAST_PROMISE;

  learn(bytes) {
    if (bytes > this.bytes) this.bytes = bytes;
    else this.bytes -= (this.bytes - bytes) / FORGET;
  }

  /**
   * Called when a body was cut after `bytes`. More would have come, so the guess doubles: otherwise
   * clients that retry together would be let in together, and cut again.
   */
  double(bytes) {
    this.bytes = 2 * bytes;
  }

  /** Called when the guess did not fit. It may be too high. */
  halve() {
    this.bytes /= 2;
  }

  within(limit) {
    return Math.floor(Math.max(LEAST_PROMISE, Math.min(this.bytes, limit)));
  }
}

const rooms = new WeakMap();

/** The part of `budget` for bodies of waiting requests. All admissions of a budget share one. */
const waitingRoom = (budget) =>
  itemOf(rooms, budget, () => {
    const reserve = Math.floor(budget.stats().limit / SHARE);
    const name = `${budget.name === '' ? '' : `${budget.name}/`}waiting requests`;
    const room = new Budget({ name, maxBytes: reserve, parent: budget, reserve });
    ledgerOf(room).raisedBy = raisedFor(budget);
    return room;
  });

class Admission {
  open = new OpenRequests(TICK_MS, () => this.#tick());
  settings;
  #keys = null;
  #room = null; // the budget for bodies of waiting requests
  #lines = new Map(); // socket -> the last waiting request on it
  #guess = new Guess();
  #passed = null; // requests that checkContinue has let in
  #counts = { admitted: 0, waited: 0, stalled: 0 };
  #refused = { 413: 0, 429: 0, 503: 0 };
  #waiting = 0;
  #lastRefusal;
  #stoodMs = 0; // since all bodies that have been let in wait for room

  constructor(options) {
    this.settings = admissionSettings(options);
    const { budget, key, wait } = this.settings;
    if (key !== null) this.#keys = new Keys(this.settings);
    if (wait !== false) this.#room = waitingRoom(budget);
    instances.admissions.add(this, budget.name);
  }

  /**
   * Returns undefined if the request may go on, REFUSED, or a promise of either. Throws what the
   * user's functions throw.
   */
  enter(req, res) {
    if (this.#passed?.delete(req)) return undefined;
    const request = new AdmittedRequest(this, req, res);
    request.open();
    if (request.isOver) return REFUSED;
    const line = this.#lines.size > 0 ? this.#lines.get(req.socket) : undefined;
    if (line === undefined) return this.#decide(request, req);
    return this.#queue(req, line.head, this.#follow(line, request, req));
  }

  /**
   * Calls pass() if a request may go on, refused() if it was answered, or fail() with an error, now
   * if that is known, or later. Returns what pass() or fail() returned now.
   */
  decide(req, res, pass, fail, refused = nothing) {
    let outcome;
    try {
      outcome = this.enter(req, res);
    } catch (error) {
      return fail(error);
    }
    if (outcome === undefined) return pass();
    settled(outcome, (known) => (known === REFUSED ? refused() : pass()), fail);
    return undefined;
  }

  /**
   * Notes that requests pipelined on the same socket (HTTP/1) must wait for `outcome`, and returns
   * that. `head`: the request that waits for the budget.
   */
  #queue({ socket, stream }, head, outcome) {
    if (stream !== undefined) return outcome;
    const line = { head, over: outcome.then(nothing, nothing) };
    this.#lines.set(socket, line);
    line.over.then(() => this.#lines.get(socket) === line && this.#lines.delete(socket));
    return outcome;
  }

  /**
   * Lets a pipelined request wait for those before it. Its response has to follow theirs anyway,
   * and memory that it took meanwhile might be what they wait for.
   */
  async #follow({ head, over }, request, req) {
    let place;
    try {
      place = this.#placeOf(head, REQUEST);
    } catch (error) {
      return this.#refuse(request, req, lengthOf(req), error);
    }
    await over;
    place.release();
    // a response that never got its socket is told late that it has ended
    const isGone = request.isOver || req.socket.destroyed;
    return isGone ? REFUSED : this.#decide(request, req);
  }

  #decide(request, req) {
    const length = lengthOf(req);
    const isForced = length !== 0 && this.#isPrior(req);
    if (length !== 0 && !isForced && this.#keys !== null) request.key = this.#keys.enter(req);
    if (length !== 0 && !isForced) return this.#charge(request, req, length);
    if (isForced) request.admitAll(length);
    return undefined;
  }

  #isPrior(req) {
    const { priority } = this.settings;
    return priority !== null && answerOf(priority, 'options.priority', req, 'boolean');
  }

  #charge(request, req, length) {
    const { settings } = this;
    const { budget } = request;
    const promised = length === UNKNOWN ? this.#promise(budget) : length;
    const bytes = Math.min(Math.ceil(promised * settings.factor), Number.MAX_SAFE_INTEGER);
    try {
      const isStopped = isCritical() || (settings.wait !== false && bytes > budget.available);
      if (isStopped && ledgerOf(budget).tooSmallFor(bytes) === null) {
        if (settings.wait === false) throw pressureError();
        return this.#queue(req, request, this.#wait(request, req, length, promised, bytes));
      }
      return this.#admit(request, budget.charge(bytes), length, promised);
    } catch (error) {
      return this.#refuse(request, req, length, error);
    }
  }

  #admit(request, charge, length, promised) {
    if (!request.admit(charge, length, promised)) return REFUSED;
    this.#counts.admitted++;
    return undefined;
  }

  /** How many bytes to charge at first for a body of unknown length. */
  #promise(budget) {
    const { factor } = this.settings;
    let bytes = this.#guess.within(budget.stats().limit / GUESS_SHARE / factor);
    const ledger = ledgerOf(budget);
    while (bytes > LEAST_PROMISE && ledger.tooSmallFor(bytes * factor) !== null) bytes /= 2;
    return Math.floor(bytes);
  }

  async #wait(request, req, length, promised, bytes) {
    let charge;
    try {
      charge = await this.acquire(request, req, length, bytes, NEW);
    } catch (error) {
      if (length === UNKNOWN && error.waitedMs !== undefined) this.#guess.halve();
      return request.isOver ? REFUSED : this.#refuse(request, req, length, error);
    }
    if (!request.isOver) return this.#admit(request, charge, length, promised);
    charge.release();
    return REFUSED;
  }

  /**
   * Waits until a request may charge `bytes`. Those with a lower `number` come first. What comes of
   * its body meanwhile is charged to the reserve.
   */
  async acquire(request, req, length, bytes, number) {
    const { timeoutMs } = this.settings.wait;
    const end = time.now() + timeoutMs;
    const place = this.#placeOf(request, REQUEST + roomOf(req, length));
    this.#warnOfContinue(req);
    this.#counts.waited++;
    this.#waiting++;
    let charge;
    try {
      const { signal } = request;
      charge = await acquireFor(request.budget, bytes, { signal, timeoutMs }, number);
      if (number === NEW && isCritical() && !request.isOver) await calm(signal, end - time.now());
      return charge;
    } catch (error) {
      charge?.release();
      throw error;
    } finally {
      this.#waiting--;
      place.release();
    }
  }

  /** Whether a body that has been let in may wait for room, instead of being refused. */
  mayWait({ status }) {
    return this.settings.wait !== false && (status === 503 || status === 429);
  }

  /** Charges the memory that a waiting request takes. */
  #placeOf({ key }, bytes) {
    const room = key === null ? this.#room : this.#keys.roomOf(key, this.#room);
    try {
      return room.charge(bytes);
    } catch (error) {
      // it would fit if it did not have to wait
      throw error.status === 413 ? Object.assign(error, { status: 503 }) : error;
    }
  }

  #refuse(request, req, length, error) {
    const status = this.refused(error, request.key);
    this.#warnOfContinue(req);
    request.refuse(status, length);
    return REFUSED;
  }

  /** The status of the answer to a request that `error` refuses. */
  refused(error, key) {
    if (!(error instanceof RallocError)) throw error;
    const isKeys = key !== null && this.#keys.isOf(key, error.budget);
    const status = error.status === 413 ? 413 : isKeys ? 429 : 503;
    this.#refused[status]++;
    this.#lastRefusal = error.message;
    return status;
  }

  /** Called when a request with a charge is over, or its body `wasCut`. */
  learn({ length, arrived }, wasCut) {
    if (length !== UNKNOWN) return;
    if (wasCut) this.#guess.double(arrived);
    else this.#guess.learn(arrived);
  }

  /**
   * Where a request is charged, which is the budget of its key, if it has one, the budget, and
   * those above it: how often something did not fit, and the share of the fullest.
   */
  pressureFor(key) {
    let [pressed, share] = [0, 0];
    for (let one = ledgerOf(key?.budget ?? this.settings.budget); one !== null; one = one.parent) {
      pressed += one.pressed;
      if (one.used > 0) share = Math.max(share, one.used / one.limit);
    }
    return { pressed, share };
  }

  #tick() {
    let [worst, oldest, youngest, isMoving] = [null, null, null, false];
    this.open.each((request) => {
      request.look();
      if (request.isStalled && request.unsent > (worst?.unsent ?? 0)) worst = request;
      if (request.isStopped) {
        oldest ??= request;
        youngest = request;
      } else if (request.isMoving) isMoving = true;
    });
    if (worst !== null) {
      this.#counts.stalled++;
      worst.cut();
    }
    this.#stoodMs = isMoving || youngest === null ? 0 : this.#stoodMs + TICK_MS;
    if (this.#stoodMs >= STANDSTILL_MS && !oldest.goOn() && oldest !== youngest) youngest.giveWay();
    this.#keys?.sweep();
  }

  ended(request) {
    if (request.key !== null) this.#keys.leave(request.key);
    if (request.line !== null) this.open.remove(request);
  }

  #warnOfContinue({ headers }) {
    if (this.#passed === null && /100-continue/i.test(headers.expect)) warnOnce('RALLOC_CONTINUED');
  }

  /** Answers clients that send `Expect: 100-continue` before they send the body. */
  attach(server) {
    if (typeof server?.on !== 'function' || typeof server.emit !== 'function')
      throw typeError('server', 'a server of node:http, node:https or node:http2', server);
    if (server.listenerCount('checkContinue') > 0) {
      throw new RallocError(
        'ERR_RALLOC_UNSUPPORTED',
        'The server has a listener of "checkContinue", which answers too. Remove it, and call attach() once',
      );
    }
    this.#passed ??= new WeakSet();
    server.on('checkContinue', (req, res) => this.#ask(server, req, res));
  }

  #ask(server, req, res) {
    const goOn = () => {
      res.writeContinue();
      server.emit('request', req, res);
    };
    const pass = () => {
      this.#passed.add(req);
      goOn();
    };
    this.decide(req, res, pass, goOn); // the middleware will get the same error, and handle it
  }

  stats() {
    return {
      open: this.open.size,
      waiting: this.#waiting,
      keys: this.#keys?.busy ?? 0,
      ...this.#counts,
      refused: { ...this.#refused },
      lastRefusal: this.#lastRefusal,
    };
  }

  /** Adds the methods that the result of every admission() has. */
  addMethods(target) {
    return Object.assign(target, {
      attach: (server) => this.attach(server),
      stats: () => this.stats(),
    });
  }
}

/** Calls settle() with the outcome of enter(), or fail(): now if it is known, or later. */
const settled = (outcome, settle, fail) =>
  outcome === undefined || outcome === REFUSED ? settle(outcome) : outcome.then(settle, fail);

const nothing = () => {};

/** Whether the process is about to run out of memory. */
const isCritical = () => pressure.state.level === 'critical';

function pressureError() {
  const { of, value, limit } = pressure.state.cause;
  const bytes = `${formatBytes(value)} of ${formatBytes(limit)}`;
  const share = of === 'psi' ? `${Math.round(100 * value)} %` : bytes;
  const message = `The process runs out of memory: ${of} is at ${share}`;
  return new RallocError('ERR_RALLOC_LIMIT', message);
}

/** Resolves once the pressure is not critical or `signal` is aborted; rejects after `ms`. */
const calm = (signal, ms) =>
  new Promise((resolve, reject) => {
    const leave = pressure.whenCalm(done);
    const timer = time.setTimeout(expire, Math.max(1, ms));
    signal.addEventListener('abort', done);
    function done() {
      leave();
      time.clearTimeout(timer);
      resolve();
    }
    function expire() {
      leave();
      reject(pressureError());
    }
  });

/** How many bytes of an unread body can arrive before the connection stops. */
function roomOf({ stream, readableHighWaterMark = READ }, length) {
  const window = stream?.session?.localSettings?.initialWindowSize ?? READ + readableHighWaterMark;
  return length === UNKNOWN ? window : Math.min(length, window);
}

/**
 * Creates the middleware for Express, connect and Nest; with node:http it is called as `admit(req,
 * res, next)`.
 */
function admission(options, ...rest) {
  checkCalled([options, ...rest], false, 'admission');
  const own = new Admission(options);

  function middleware(req, res, next) {
    if (typeof next !== 'function') throw nextError(req, res, next);
    const fault = faultOf(req, res);
    if (fault !== undefined) return next(fault);
    return own.decide(req, res, next, next);
  }

  middleware.wrap = (handler) => {
    check.func(handler, 'handler');
    let isTold = false;
    // There is no next() to give it to; a client that lacks a header must end no process.
    const fail = (error, res) => {
      if (!isTold) process.emitWarning(error);
      isTold = true;
      if (res.headersSent) res.destroy();
      else res.writeHead(500).end();
    };
    return function wrapped(...args) {
      const [req, res] = args;
      const pass = () => handler.apply(this, args);
      return own.decide(req, res, pass, (error) => fail(error, res));
    };
  };
  return own.addMethods(middleware);
}

module.exports = { Admission, REFUSED, admission, settled };
