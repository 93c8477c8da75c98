'use strict';

// A request and its charge: for the body, and for the unsent part of the response, until the response is over.

const time = require('../base/time.js');
const { force, setCharge } = require('../budget/budget.js');
const { isExact, takenFrom } = require('../node/taken.js');
const { watchResponse } = require('../request/response.js');
const { Body, UNKNOWN } = require('./body.js');
const { TICK_MS } = require('./open.js');
const { Refusal } = require('./refusal.js');

const LOOKS = 5000 / TICK_MS; // ticks between two looks at a body
const AHEAD = 4; // a body keeps room for 4 times the bytes that came between the last two looks
const COARSE = 4; // times `stallMs` where progress shows in large steps only

class AdmittedRequest {
  previous = null;
  next = null;
  key = null; // the entry of its key
  isListed = false; // it is in the list of open requests
  isOver = false;
  #admission;
  #req;
  #res;
  #charge = null;
  #body = null;
  #isForced = false; // it must not be refused
  #promised = 0; // bytes of the body that are charged, arrived or not
  #unsent = 0; // bytes that are charged for the response
  #looks = 0; // ticks since the last look at the body
  #seen = 0; // bytes of the body that had arrived at the last look
  #taken = -1; // bytes that the client had taken at the last look
  #stalled = 0; // looks since it took any
  #pressed = 0; // how often others had had no room at that time
  #refusal = null;
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
    // A stream of HTTP/2 stays open if its body was not read to the end, so its request ends with the response. After a refusal, the refusal closes it.
    this.#req.stream?.once('finish', () => this.#refusal !== null || this.end());
    this.#admission.open.add(this);
    this.isListed = true;
  }

  /** A signal that is aborted when the request is over. */
  get signal() {
    this.#abort = new AbortController();
    return this.#abort.signal;
  }

  #bytesFor(body) {
    return Math.ceil(body * this.#admission.settings.factor);
  }

  /** Lets the body in, with a charge for `promised` bytes of it. Returns false, and refuses the request, if more has arrived than there is room for. */
  admit(charge, announced, promised) {
    this.#charge = charge;
    this.#promised = promised;
    this.#body = new Body(this.#req, announced, this);
    if (!this.#body.isWatched) return true;
    if (!this.takes()) return false;
    if (this.#body.isComplete) this.comesToEnd();
    return true;
  }

  /** Lets the body in whatever its size, and charges what arrives. */
  admitAll(announced) {
    this.#isForced = true;
    this.#charge = force(this.#admission.settings.budget, 0);
    this.#body = new Body(this.#req, announced, this, true);
    this.takes(); // what has arrived
  }

  /** Charges what has arrived beyond the promise. Returns false if the body must not go on. What comes after the answer is its reader's own, uncharged. */
  takes() {
    const { arrived } = this.#body;
    if (this.isOver || arrived <= this.#promised) return true;
    const more = this.#bytesFor(arrived) - this.#bytesFor(this.#promised);
    try {
      if (this.#isForced) setCharge(this.#charge, this.#charge.bytes + more);
      else this.#charge.grow(more);
    } catch (error) {
      this.#refuseLate(error);
      return false;
    }
    this.#promised = arrived;
    return true;
  }

  /** Called when the whole body has arrived. */
  comesToEnd() {
    if (this.#refusal !== null) this.#refusal.end();
    else if (this.#charge !== null) this.#keep(this.#body.arrived);
  }

  drops(bytes) {
    this.#refusal.drops(bytes);
    return false;
  }

  /** Shrinks the charge to `bytes` of the body. */
  #keep(bytes) {
    if (bytes >= this.#promised || this.#charge.bytes === 0) return;
    this.#charge.shrink(this.#bytesFor(this.#promised) - this.#bytesFor(bytes));
    this.#promised = bytes;
  }

  /** Called ten times a second. */
  look() {
    const unsent = this.#res.writableLength ?? 0;
    if (unsent !== this.#unsent) this.#chargeUnsent(unsent);
    if (unsent > 0 && this.#isStalled()) this.#admission.cut(this.#req.socket);
    const body = this.#body;
    if (body === null || body.isComplete || ++this.#looks < LOOKS) return;
    this.#looks = 0;
    this.#lookAt(body);
  }

  /** Whether the client has taken nothing for long, while others had no room. Unknown for streams of HTTP/2. */
  #isStalled() {
    const { stream, socket } = this.#req;
    const taken = stream === undefined ? takenFrom(socket) : undefined;
    const pressed = this.#admission.pressedFor(this.key);
    if (taken === undefined || taken > this.#taken) {
      this.#taken = taken ?? -1;
      this.#stalled = 0;
      this.#pressed = pressed;
      return false;
    }
    const { stallMs } = this.#admission.settings;
    const mostMs = isExact() ? stallMs : COARSE * stallMs;
    return ++this.#stalled * TICK_MS >= mostMs && pressed > this.#pressed;
  }

  #chargeUnsent(unsent) {
    const more = unsent - this.#unsent;
    if (this.#charge === null) this.#charge = force(this.#admission.settings.budget, more);
    else setCharge(this.#charge, this.#charge.bytes + more);
    this.#unsent = unsent;
  }

  /** Shrinks the charge of a body that trickles to what has arrived, plus some time more at the same rate. */
  #lookAt(body) {
    const came = body.look();
    if (body.isComplete || body.isPaused || this.#refusal !== null) return;
    const kept = came + AHEAD * (came - this.#seen);
    this.#seen = came;
    if (!body.isWatched) body.watch(); // it may arrive in small pieces
    this.#keep(kept);
  }

  /** Answers instead of the handler, which is not called. */
  refuse(status, announced) {
    this.#body = new Body(this.#req, announced, this);
    const left = announced === UNKNOWN ? Infinity : announced;
    this.#refuse(status, this.#body.isComplete ? 0 : left);
  }

  #refuseLate(error) {
    this.#wasCut = true;
    this.#refuse(this.#admission.refused(error, this.key), Infinity);
    this.#refusal.mute();
    this.#body.fail(error);
    time.setImmediate(() => this.isOver || this.#keep(0)); // the reader was told, and has dropped the body
  }

  #refuse(status, left) {
    this.#refusal = new Refusal(this.#req, this.#res);
    this.#body.cut();
    const { isComplete } = this.#body;
    this.#refusal.answer(status, this.#admission.settings.retryAfterMs, left, isComplete);
  }

  /** Called when the response is over. */
  end() {
    if (this.isOver) return;
    this.isOver = true;
    this.#refusal?.over();
    this.#abort?.abort();
    if (this.#body !== null && this.#charge !== null)
      this.#admission.learn(this.#body, this.#wasCut);
    this.#charge?.release();
    this.#admission.ended(this);
  }
}

module.exports = { AdmittedRequest };
