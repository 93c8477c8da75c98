'use strict';

// The body of one request under the limit: how much of it has come, and the valves that stop it. Of a compressed body what comes out of its decoders counts, too.

const time = require('../base/time.js');
const { UNKNOWN, failBody, followPipes, isEncoded, lengthOf } = require('../admission/body.js');
const { Refusal } = require('../admission/refusal.js');
const { watchResponse } = require('../request/response.js');
const { Valve } = require('./valve.js');

const UNSAID = 64 * 1024; // how much of a body without a length is expected at least

const TRICKLE = 512; // bytes in a period: less is no progress

class Body {
  previous = null;
  next = null;
  got = 0;
  isDone = false; // all of it has come, and out of its decoders
  isOver = false; // its response, too
  isStopped = false;
  isRefused = false;
  since = time.now();
  idle = 0; // ticks in which hardly anything came, although it was read
  pace = Number.POSITIVE_INFINITY; // bytes of the last whole period in which it was read
  #ticks = 0; // of this period
  #had = 0; // bytes at its beginning
  length;
  isEncoded;
  begin = null; // calls the handler, of a request that waits
  #req;
  #res;
  #controller;
  #valves = [];
  #refusal = null;
  #hasCome = false;
  #decoding = 0; // decoders that have not come to their end

  constructor(req, res, controller) {
    this.#req = req;
    this.#res = res;
    this.#controller = controller;
    this.length = lengthOf(req);
    this.isEncoded = isEncoded(req);
    this.#valves.push(new Valve(req, this));
    if (this.isEncoded) followPipes(req, new Set(), (to) => this.#stopDecoder(to));
    watchResponse(req, res, this, false);
  }

  /** Puts a valve into a decoder that the body is piped into. */
  #stopDecoder(decoder) {
    this.#decoding++;
    const ends = () => {
      this.#decoding--;
      this.#end();
    };
    const owner = { arrives: (bytes) => this.arrives(bytes), ends, drops() {} };
    const valve = new Valve(decoder, owner);
    if (this.isStopped) valve.close();
    this.#valves.push(valve);
  }

  get req() {
    return this.#req;
  }

  /** Bytes that may still come; as many again where no length is given. */
  get rest() {
    if (this.isDone) return 0;
    if (this.length === UNKNOWN || this.isEncoded) return Math.max(UNSAID, this.got);
    return Math.max(0, this.length - this.got);
  }

  /** `period`: ticks after which it is looked how fast it comes. A client that trickles has announced much, and will not send it. */
  tick(period) {
    if (this.isStopped || this.begin !== null) return;
    this.idle++;
    if (++this.#ticks < period) return;
    this.pace = this.got - this.#had;
    this.#had = this.got;
    this.#ticks = 0;
    if (this.pace >= TRICKLE) this.idle = 0;
  }

  /** Called by a valve, before the bytes pass on. */
  arrives(bytes) {
    this.got += bytes;
    this.#controller.arrives(bytes);
  }

  ends() {
    this.#hasCome = true;
    if (this.#refusal !== null) this.#refusal.end();
    else this.#end();
  }

  #end() {
    if (!this.#hasCome || this.#decoding > 0) return;
    this.isDone = true;
    this.#controller.ends();
  }

  drops(bytes) {
    this.#refusal?.drops(bytes);
  }

  stop() {
    this.isStopped = true;
    for (const valve of this.#valves) valve.close();
  }

  goOn() {
    this.isStopped = false;
    for (const valve of this.#valves) valve.open();
  }

  /** Answers instead of the handler, which has not been called. */
  refuse(status, retryAfterMs) {
    this.begin = null;
    this.#answer(
      status,
      retryAfterMs,
      this.length === UNKNOWN ? Number.POSITIVE_INFINITY : this.length,
    );
  }

  /** Answers although the handler has been called: its reader is told that the body failed. */
  cut(status, error) {
    const [req, res] = [this.#req, this.#res];
    if (res.headersSent) return this.destroy();
    this.#answer(status, 0, Number.POSITIVE_INFINITY);
    this.#refusal.mute();
    failBody(req, [], error);
    return undefined;
  }

  #answer(status, retryAfterMs, left) {
    for (const valve of this.#valves) valve.cut(); // first: what is kept may be its end
    this.isRefused = true;
    this.#refusal = new Refusal(this.#req, this.#res);
    const hasCome = this.#hasCome;
    this.#refusal.answer(status, retryAfterMs, hasCome ? 0 : left, hasCome);
  }

  destroy() {
    this.isRefused = true;
    const { stream, socket } = this.#req;
    if (stream !== undefined) stream.destroy();
    else socket?.destroy();
  }

  /** Called when the response is over. */
  end() {
    if (this.isOver) return;
    this.isOver = true;
    this.#refusal?.over();
    this.#controller.leaves(this);
  }
}

module.exports = { Body };
