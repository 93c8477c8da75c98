'use strict';

// A request and its charge: for the body, and for the unsent part of the response, until the
// response is over.

const time = require('../base/time.js');
const { force, ledgerOf, merge, setCharge } = require('../budget/budget.js');
const { isExact, takenFrom } = require('../node/taken.js');
const { watchResponse } = require('../request/response.js');
const { Body } = require('./body.js');
const { UNKNOWN } = require('./inflow.js');
const { stallFor } = require('./pace.js');

const TICK_MS = 100;
const AHEAD_S = 20; // a body keeps room for what comes at its pace in so many seconds
const COARSE = 4; // times `stallMs` where progress shows in large steps only
const MOST_OVER = 1.5; // of its limit: there a client that takes nothing is cut off after a second
const IDLE_MS = 1000; // a body of which hardly anything comes for so long is not waited for

let count = 0;

class AdmittedRequest {
  line = null; // fields of a member of OpenRequests
  previous = null;
  next = null;
  key = null; // the entry of its key
  isOver = false;
  unsent = 0; // bytes that are charged for the response
  isStalled = false; // the client takes nothing, and may be cut off
  #admission;
  #req;
  #res;
  #charge = null;
  #body = null;
  #isForced = false; // it must not be refused
  #promised = 0; // bytes of the body that are charged, arrived or not
  #taken = -1; // bytes that the client had taken at the last look
  #stalledMs = 0; // since it took any
  #pressed = 0; // how often others had had no room at that time
  #number = count++; // the oldest go on first
  #isCut = false; // its connection is closed
  #wasCut = false; // it was refused after its body had been let in
  #abort = null; // an AbortController that ends its wait

  constructor(admission, req, res) {
    this.#admission = admission;
    this.#req = req;
    this.#res = res;
  }

  /** Has end() called when the response is over, or immediately if it is. */
  open() {
    watchResponse(this.#req, this.#res, this, false);
    if (this.isOver) return;
    // A stream of HTTP/2 stays open if its body was not read to the end, so its request ends with
    // the response. After a refusal, the refusal closes it.
    this.stream?.once('finish', () => this.#body?.isRefused || this.end());
    this.#admission.open.push(this);
  }

  get stream() {
    return this.#req.stream;
  }

  /** A signal that is aborted when the request is over. */
  get signal() {
    this.#abort = new AbortController();
    return this.#abort.signal;
  }

  get budget() {
    return this.key?.budget ?? this.#admission.settings.budget;
  }

  /** Its body has been let in, and waits for room. */
  get isStopped() {
    const body = this.#body;
    return body?.isStopped && !body.isRefused;
  }

  /** It will end by itself, and what it is charged with be free. */
  get isMoving() {
    const body = this.#body;
    if (body === null || this.#charge === null || body.isStopped) return false;
    return body.isDone || body.isRefused || body.pace.idleMs < IDLE_MS;
  }

  #bytesFor(body) {
    return Math.ceil(body * this.#admission.settings.factor);
  }

  /**
   * Lets the body in, with a charge for `promised` bytes of it. Returns false, and refuses the
   * request, if more has arrived than there is room for.
   */
  admit(charge, length, promised) {
    this.#charge = charge;
    this.#promised = promised;
    this.#body = new Body(this.#req, this.#res, length, this);
    if (!this.#body.isWatched) return true;
    this.takes();
    if (this.#body.isDone) this.comesToEnd();
    return !this.#body.isRefused;
  }

  /** Lets the body in whatever its size, and charges what arrives. */
  admitAll(length) {
    this.#isForced = true;
    this.#charge = force(this.#admission.settings.budget, 0);
    this.#body = new Body(this.#req, this.#res, length, this, true);
    this.takes(); // what has arrived
  }

  /**
   * Charges what has arrived beyond the promise. If there is no room, the body is stopped, or
   * refused. What comes after the answer is its reader's own, uncharged.
   */
  takes() {
    const { arrived, isStopped } = this.#body;
    if (this.isOver || isStopped || arrived <= this.#promised) return;
    const more = this.#bytesFor(arrived) - this.#bytesFor(this.#promised);
    try {
      if (this.#isForced) setCharge(this.#charge, this.#charge.bytes + more);
      else this.#charge.grow(more);
      this.#promised = arrived;
    } catch (error) {
      if (this.#admission.mayWait(error)) this.#stop(error);
      else this.#refuseLate(error);
    }
  }

  /**
   * Stops the body until there is room for what has come and what comes next, so that the oldest
   * come to their end, and not all a little further.
   */
  async #stop(error) {
    const body = this.#body;
    body.stop();
    const { arrived } = body;
    let whole = Math.floor(arrived + body.pace.claim(body.restOf(arrived), arrived, AHEAD_S));
    if (ledgerOf(this.budget).tooSmallFor(this.#bytesFor(whole)) !== null) whole = arrived;
    const bytes = this.#bytesFor(whole) - this.#bytesFor(this.#promised);
    try {
      const charge = await this.#admission.acquire(this, this.#req, UNKNOWN, bytes, this.#number);
      merge(this.#charge, charge);
      this.#promised = whole;
    } catch {
      if (!this.isOver && this.#promised < arrived) return this.#refuseLate(error);
    }
    body.isStopped = false;
    this.takes(); // more may have come
    if (!body.isStopped && !body.isRefused) body.goOn();
    return undefined;
  }

  /** Called when the whole body has arrived. */
  comesToEnd() {
    if (this.#charge !== null) this.#keep(this.#body.arrived);
  }

  /** Shrinks the charge to `bytes` of the body. */
  #keep(bytes) {
    if (bytes >= this.#promised || this.#charge.bytes === 0) return;
    this.#charge.shrink(this.#bytesFor(this.#promised) - this.#bytesFor(bytes));
    this.#promised = bytes;
  }

  /** Called ten times a second. */
  look() {
    const unsent = this.#isCut ? 0 : (this.#res.writableLength ?? 0);
    if (unsent !== this.unsent) this.#chargeUnsent(unsent);
    this.isStalled = unsent > 0 && this.#takesNothing();
    const body = this.#body;
    if (body === null || body.isDone || body.isStopped || body.isRefused) return;
    if (body.pace.isOver(TICK_MS)) this.#lookAt(body);
  }

  /**
   * Whether the client has taken nothing for long, while others had no room, or there is more than
   * may be. Unknown for streams of HTTP/2.
   */
  #takesNothing() {
    const { stream, socket } = this.#req;
    const taken = stream === undefined ? takenFrom(socket) : undefined;
    const { pressed, share } = this.#admission.pressureFor(this.key);
    if (taken === undefined || taken > this.#taken) {
      this.#taken = taken ?? -1;
      this.#stalledMs = 0;
      this.#pressed = pressed;
      return false;
    }
    this.#stalledMs += TICK_MS;
    if (pressed === this.#pressed && share <= 1) return false;
    const mostMs = stallFor(this.#admission.settings.stallMs, share, 1, MOST_OVER);
    return this.#stalledMs >= (isExact() ? mostMs : COARSE * mostMs);
  }

  #chargeUnsent(unsent) {
    const more = unsent - this.unsent;
    if (this.#charge === null) this.#charge = force(this.#admission.settings.budget, more);
    else setCharge(this.#charge, this.#charge.bytes + more);
    this.unsent = unsent;
  }

  /**
   * Shrinks the charge of a body that trickles to what has arrived, plus some time more at the same
   * rate.
   */
  #lookAt(body) {
    const came = body.look();
    if (body.isDone) return;
    if (body.isPaused) {
      body.pace.idleMs = 0; // its client may want to go on
      return;
    }
    body.pace.look(came);
    if (!body.isWatched) body.watch(); // it may arrive in small pieces
    this.#keep(Math.floor(came + body.pace.claim(body.restOf(came), came, AHEAD_S)));
  }

  /** Answers instead of the handler, which is not called. */
  refuse(status, length) {
    this.#body = new Body(this.#req, this.#res, length, this);
    this.#body.refuse(status, this.#admission.settings.retryAfterMs);
  }

  #refuseLate(error) {
    this.#wasCut = true;
    const { settings } = this.#admission;
    this.#body.fail(this.#admission.refused(error, this.key), settings.retryAfterMs, error);
    // the reader was told, and has dropped the body
    time.setImmediate(() => this.isOver || this.#keep(0));
  }

  /** Called where all wait for each other. Goes on if there is room for what has come. */
  goOn() {
    const { arrived } = this.#body;
    if (!this.#charge.tryGrow(this.#bytesFor(arrived) - this.#bytesFor(this.#promised)))
      return false;
    this.#promised = arrived;
    this.#abort.abort();
    return true;
  }

  /** Called where all wait for each other. It is refused, and makes room. */
  giveWay() {
    this.#abort.abort();
  }

  /** Closes the connection of a client that reads nothing of its response. */
  cut() {
    this.#isCut = true;
    this.look();
    this.#req.socket.destroy();
  }

  /** Called when the response is over. */
  end() {
    if (this.isOver) return;
    this.isOver = true;
    this.#body?.over();
    this.#abort?.abort();
    if (this.#body !== null && this.#charge !== null)
      this.#admission.learn(this.#body, this.#wasCut);
    this.#charge?.release();
    this.#admission.ended(this);
  }
}

module.exports = { AdmittedRequest, TICK_MS };
