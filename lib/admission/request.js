'use strict';

// One request: what it is charged for its body, and for what its response has not sent, until the response is over.

const time = require('../base/time.js');
const { force, setCharge } = require('../budget/budget.js');
const { watchResponse } = require('../request/response.js');
const { Body, UNKNOWN } = require('./body.js');
const { TICK_MS } = require('./open.js');
const { Refusal } = require('./refusal.js');

const LOOKS = 5000 / TICK_MS; // between two looks at a body
const AHEAD = 4; // a body keeps room for as much as came between two looks, so many times

class AdmittedRequest {
  previous = null;
  next = null;
  key = null; // whose budget it is
  isListed = false; // among those that are looked at
  isOver = false;
  #admission;
  #req;
  #res;
  #charge = null;
  #body = null;
  #isForced = false; // it is not refused
  #promised = 0; // bytes of the body that are charged, whether they have come or not
  #unsent = 0; // bytes that are charged for the response
  #looks = 0; // since the last one at the body
  #seen = 0; // bytes of it that had come then
  #queued = 0; // bytes of the response that the kernel had not taken at the last look
  #stalled = 0; // looks since it took any
  #pressed = 0; // how often others had no room, then
  #refusal = null;
  #error = null; // why it was refused after somebody had begun to read
  #abort = null; // ends its wait

  constructor(admission, req, res) {
    this.#admission = admission;
    this.#req = req;
    this.#res = res;
  }

  /** From now on end() is called when the response is over: at once, where it is. */
  open() {
    watchResponse(this.#req, this.#res, this, false);
    if (this.isOver) return;
    this.#admission.open.add(this);
    this.isListed = true;
  }

  /** A signal that is aborted where the request is over. */
  get signal() {
    this.#abort = new AbortController();
    return this.#abort.signal;
  }

  #bytesFor(body) {
    return Math.ceil(body * this.#admission.settings.factor);
  }

  /** It is charged `promised` bytes of a body, which goes to whoever reads it. False: more has come by now than there is room for, and it is refused. */
  admit(charge, announced, promised) {
    this.#charge = charge;
    this.#promised = promised;
    this.#body = new Body(this.#req, announced, this);
    if (!this.#body.isWatched) return true;
    if (!this.takes()) return false;
    if (this.#body.isComplete) this.comesToEnd();
    return true;
  }

  /** It is charged what comes, and never refused. */
  admitAll(announced) {
    this.#isForced = true;
    this.#charge = force(this.#admission.settings.budget, 0);
    this.#body = new Body(this.#req, announced, this, true);
    this.takes(); // what has come
  }

  /** More has come of the body. False: it does not go on. */
  takes() {
    const { arrived } = this.#body;
    if (arrived <= this.#promised) return true;
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

  /** All of the body has come. */
  comesToEnd() {
    if (this.#refusal !== null) this.#refusal.end();
    else if (this.#charge !== null) this.#keep(this.#body.arrived);
  }

  drops(bytes) {
    this.#refusal.drops(bytes);
    return false;
  }

  /** Gives back what is charged beyond `bytes` of the body. */
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

  /** Whether its client has taken nothing for long, while others had no room. Of a stream of HTTP/2 nobody can say. */
  #isStalled() {
    const { stream, socket } = this.#req;
    const queued = stream === undefined ? socket?._handle?.writeQueueSize : undefined; // `writableLength` stays until a whole write is done
    if (queued !== this.#queued || queued === undefined) {
      this.#queued = queued;
      this.#stalled = 0;
      this.#pressed = this.#admission.pressed;
      return false;
    }
    const { stallMs } = this.#admission.settings;
    return ++this.#stalled * TICK_MS >= stallMs && this.#admission.pressed > this.#pressed;
  }

  #chargeUnsent(unsent) {
    const more = unsent - this.#unsent;
    if (this.#charge === null) this.#charge = force(this.#admission.settings.budget, more);
    else setCharge(this.#charge, this.#charge.bytes + more);
    this.#unsent = unsent;
  }

  /** What trickles keeps room for what has come, and for some time at the rate at which it came. */
  #lookAt(body) {
    const came = body.look();
    if (body.isComplete || body.isPaused || this.#refusal !== null) return;
    const kept = came + AHEAD * (came - this.#seen);
    this.#seen = came;
    if (!body.isWatched) body.watch(); // it may come in small pieces
    this.#keep(kept);
  }

  /** Answers in the place of the handler, which is not called. */
  refuse(status, announced) {
    this.#body = new Body(this.#req, announced, this);
    const left = announced === UNKNOWN ? Infinity : announced;
    this.#refuse(status, this.#body.isComplete ? 0 : left);
  }

  #refuseLate(error) {
    this.#error = error;
    this.#refuse(this.#admission.refused(error, this.key), Infinity);
    // In HTTP/1 this closes the connection: end() does it.
    if (this.#req.stream === undefined) return;
    this.#body.fail(error);
    time.setImmediate(() => this.isOver || this.#keep(0)); // who reads has been told, and has dropped it
  }

  #refuse(status, left) {
    this.#refusal = new Refusal(this.#req, this.#res);
    this.#body.cut();
    const { isComplete } = this.#body;
    this.#refusal.answer(status, this.#admission.settings.retryAfterMs, left, isComplete);
  }

  /** The response is over. */
  end() {
    if (this.isOver) return;
    this.isOver = true;
    this.#refusal?.over();
    if (this.#error !== null) this.#body.fail(this.#error);
    this.#abort?.abort();
    if (this.#body !== null && this.#charge !== null)
      this.#admission.learn(this.#body, this.#error !== null);
    this.#charge?.release();
    this.#admission.ended(this);
  }
}

module.exports = { AdmittedRequest };
