'use strict';

// The memory limit of a process that serves, as Go's GOMEMLIMIT: which bodies are read, and which
// wait.
//
// What a body takes is learnt, not assumed: what the process has more than without bodies, by what
// bodies of requests in flight have brought. That is 0.02 for uploads that go to a file or a proxy,
// and 1 to 2 for what collects; the same for V8's heap, of bodies that were read to their end and
// parsed. Far from the limit all are read. Near it the oldest go on, as many as there is room for
// by what is learnt, and the youngest are stopped, so that somebody always finishes. New ones wait,
// for a time.

const { AsyncResource } = require('node:async_hooks');
const { formatBytes } = require('../base/bytes.js');
const { RallocError } = require('../base/errors.js');
const time = require('../base/time.js');
const { warnOnce } = require('../base/warnings.js');
const { UNKNOWN } = require('../admission/inflow.js');
const { OpenRequests } = require('../admission/open.js');
const { stallFor } = require('../admission/pace.js');
const { routeOf } = require('../process/inventory.js');
const { Body } = require('./body.js');

/** Each step has one threshold, a share of the limit, and of V8's heap limit, where it says so. */
const SHARES = {
  giveBack: 0.6, // warm memory and what malloc keeps go back to the system
  collect: 0.7, // a collection is asked for; of the heap, too
  // no other body is read, and no request with one begins, but as many as together are small; who
  // does not come on may be cut off; of the heap, too
  hold: 0.75,
  cut: 0.85, // nobody begins, and a body that alone does not fit is answered
  small: 0.05, // what bodies may take together between the two above
  last: 0.95, // up to here such bodies begin where no other is in flight: who waits takes memory, too
};
/** From so much of the room on that bodies may take, it is counted who may go on. */
const NEAR = 0.25;

const LOOK_MS = 5; // between two looks while bodies come
const LOOK_BYTES = 256 * 1024;
const TICK_MS = 25; // while bodies are in flight
const SLOW_MS = 250; // between two looks at RSS, far from the limit
const LEARN_BYTES = 4 * 2 ** 20; // from so much in flight on it is learnt
const AHEAD_S = 4; // a body has a claim to what comes at its pace in so many seconds
const LEAST_IDLE_MS = 15_000; // before a body that does not come on is cut off: clients of bad networks rest so long
const SLOW = 32 * 1024; // bytes in a period: a body that comes slower lets others go first
const MOST_HELD = 1000; // requests that wait
const REFUSED = 2; // in a look: of each the rest comes, until its client has the answer
const KEPT_MS = 5000; // so long they do where what is missing is held by no body
const WAITING = 16; // what has come of them is at most such a part of the limit
const GIVE_BACK_MS = 2000;
// times its text: what parsing takes for a moment, flat text and what is made of it
const PARSE = 2;
const FEW = 32; // requests between two such looks
const SMALL = 64 * 1024; // a body of this length arrives with its request
const MOST_SHARE = { memory: 4, heap: 16 }; // that is believed of a byte: garbage is counted, too
const LEAST_SHARE = 0.02;

/** What a byte of a body takes. */
class Learnt {
  share; // undefined as long as it is unknown
  #most;

  constructor(most) {
    this.#most = most;
  }

  /** `bytes`: more than without them; `of` bytes of bodies. */
  learn(bytes, of) {
    if (of < LEARN_BYTES) return;
    const now = Math.min(this.#most, Math.max(LEAST_SHARE, bytes / of));
    this.share = this.share === undefined ? now : 0.7 * this.share + 0.3 * now;
  }

  /** Slowly, as bodies end: the next ones may be of another kind. */
  forget(assumed) {
    if (this.share !== undefined) this.share += (assumed - this.share) / 64;
  }
}

class Controller {
  limit;
  #settings;
  #gauges;
  #relief; // { giveBack(), collect() }
  #open = new OpenRequests(TICK_MS, () => this.#tick()); // bodies in flight
  #held = 0; // of them, requests whose handler waits to be called
  #stopped = 0;
  #base = undefined; // of gauges, without bodies
  #memory = new Learnt(MOST_SHARE.memory);
  #heap = new Learnt(MOST_SHARE.heap); // of V8's heap: text that comes is there
  #parsed = new Learnt(MOST_SHARE.heap); // of V8's heap, for bodies that have come to their end
  #isLooking = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #arrived = 0; // since the last look
  #gaveBack = Number.NEGATIVE_INFINITY;
  #isHolding = false; // nothing may begin
  #kept = 0; // bytes that have come of requests that wait
  #isFull = false; // at the last look that a small body was reason for
  #seen = 0; // requests with a body
  #collectedBefore = null; // the number of collections when `cut` was passed; null below it
  #counts = { admitted: 0, waited: 0, stops: 0, cut: 0, collections: 0 };
  #refused = { 413: 0, 503: 0 };
  #peak = 0;

  /** `limit` in bytes; `settings`: { waitMs, stallMs }. */
  constructor(limit, settings, gauges, relief) {
    this.limit = limit;
    this.#settings = settings;
    this.#gauges = gauges;
    this.#relief = relief;
  }

  /** Bytes that the process has and no body in flight holds, by what is learnt. */
  get kept() {
    let came = 0;
    this.#open.each(({ got }) => (came += got));
    return this.#gauges.read(SLOW_MS).used - (this.#memory.share ?? 1) * came;
  }

  /** Takes a request with a body. `begin()` calls its handler, now or once there is room. */
  enter(req, res, begin) {
    const announced = Number(req.headers['content-length'] ?? Number.NaN);
    if ((++this.#seen & (FEW - 1)) === 0)
      this.#isFull = this.#gauges.read(SLOW_MS).used >= SHARES.hold * this.limit;
    const isSmall = announced <= SMALL && req.headers['content-encoding'] === undefined;
    if (isSmall && !this.#isHolding && !this.#isFull) return begin();
    this.#base ??= this.#gauges.read(0);
    const body = new Body(req, res, this);
    if (body.isOver) return begin(); // its client is gone: as without a limit
    this.#open.push(body);
    this.#look(true);
    if (body.isOver) return undefined;
    if (!this.#isHolding) {
      this.#counts.admitted++;
      return begin();
    }
    if (this.#held >= MOST_HELD || this.#kept > this.limit / WAITING)
      return this.#refuse(body, 503);
    body.begin = AsyncResource.bind(begin); // in the stores of this moment
    this.#held++;
    this.#counts.waited++;
    return undefined;
  }

  #tick() {
    this.#open.each((body) => body.tick(TICK_MS));
    if (this.#open.size > 0) this.#look(true);
  }

  /** Called by a body whose response is over; that can be before it is one of those in flight. */
  leaves(body) {
    if (body.line === null) return;
    if (body.begin !== null) this.#held--;
    body.begin = null;
    if (body.isStopped) this.#stopped--;
    body.isStopped = false;
    this.#open.remove(body);
    this.#memory.forget(1);
    this.#heap.forget(0);
    this.#parsed.forget(0);
    if (this.#open.size > 0) return;
    this.#isHolding = false;
    this.#settle(this.#gauges.read(SLOW_MS), 1 / 16); // with garbage
  }

  /** Moves what is there without bodies toward a gauge: down at once, up by a `part`. */
  #settle(gauge, part) {
    for (const name of ['used', 'own', 'heap']) {
      const [was, now] = [this.#base[name], gauge[name]];
      this.#base[name] = now < was ? now : was + part * (now - was);
    }
  }

  /** Called by a body of which bytes have come, before they pass on. */
  arrives(bytes) {
    this.#arrived += bytes;
    if (this.#arrived >= LOOK_BYTES) this.#look(false);
  }

  /** Called by a body that has come to its end: its handler parses it next. */
  ends() {
    this.#arrived = LOOK_BYTES; // the next byte of another finds what that has taken
  }

  /** `isDue`: whether its time has come, however recent the last look is. */
  #look(isDue) {
    const now = time.now();
    if (this.#isLooking || (!isDue && now - this.#lookedAt < LOOK_MS)) return;
    this.#isLooking = true;
    this.#lookedAt = now;
    this.#arrived = 0;
    try {
      this.#judge(now);
    } finally {
      this.#isLooking = false;
    }
  }

  #judge(now) {
    const limit = this.limit;
    const gauge = this.#gauges.read(this.#stopped > 0 || this.#isHolding ? TICK_MS : SLOW_MS);
    const { used, own, heap, heapLimit } = gauge;
    this.#peak = Math.max(this.#peak, used);
    let [came, parsed, kept] = [0, 0, 0]; // of those in flight, those at their end, those that wait
    let isIdle = true; // no handler has a body
    this.#open.each(({ got, begin, isDone, isRefused }) => {
      came += got;
      if (begin !== null) kept += got;
      else if (isDone) parsed += got;
      if (begin === null && !isRefused) isIdle = false;
    });
    this.#kept = kept;
    this.#base ??= gauge;
    this.#settle(gauge, 0);
    const stays = Math.max(0, own - this.#base.own);
    const heapStays = Math.max(0, heap - this.#base.heap);
    this.#memory.learn(stays, came);
    this.#heap.learn(heapStays, came);
    const unparsed = (this.#heap.share ?? 0) * (came - parsed);
    this.#parsed.learn(Math.max(0, heapStays - unparsed), parsed);
    const room = SHARES.hold * limit - used;
    const heapRoom = SHARES.hold * heapLimit - heap;
    const isNear =
      stays > NEAR * (limit - this.#base.used) ||
      heapStays > NEAR * (heapLimit - this.#base.heap) ||
      room < 0;
    this.#relieve(now, used / limit, heap / heapLimit);
    // who has waited goes on as there is room, not all at once
    const isFree = this.#stopped === 0 && this.#held === 0;
    if (!isNear && (isFree || this.#memory.share === undefined)) this.#letAll();
    else this.#share({ room, heapRoom, read: came - kept, parsed, heapLimit, isIdle });
    if (used <= SHARES.hold * limit && !this.#isHolding) this.#collectedBefore = null;
    else if (this.#isProven()) this.#cutOne(used);
    this.#expire(now, isIdle && used >= SHARES.cut * limit && this.#isProven());
  }

  #letAll() {
    this.#isHolding = false;
    this.#open.each((body) => this.#goOn(body));
  }

  /**
   * Lets the oldest go on, as far as there is room, and stops the others. Without room the oldest
   * goes on alone, or as many as together are small: otherwise one small body whose answer takes
   * long would hold up all others.
   */
  #share({ room, heapRoom, read, parsed, heapLimit, isIdle }) {
    const share = this.#memory.share ?? 1;
    const heapShare = this.#heap.share ?? 0;
    const parsedShare = this.#parsed.share ?? 0;
    let small = SHARES.small * this.limit - share * read;
    let heapSmall = SHARES.small * heapLimit - Math.max(heapShare * read, parsedShare * parsed);
    let isFirst = parsed === 0; // what is finished will make room; otherwise somebody must go on
    // otherwise clients that begin and stop would fill the memory
    const mayBegin = room > (SHARES.hold - SHARES.cut) * this.limit;
    const maySmall = mayBegin || (isIdle && room > (SHARES.hold - SHARES.last) * this.limit);
    let isFull = false;
    this.#open.each((body) => {
      const hasBegun = body.begin === null;
      if ((body.isDone && hasBegun) || body.isOver || body.isRefused) return;
      const isQuiet = body.isQuiet && !body.isStopped && hasBegun;
      const all = share * body.restOf(body.got);
      const rest = isQuiet ? 0 : body.pace.claim(body.restOf(body.got), body.got, AHEAD_S);
      const need = share * rest;
      const whole = body.got + rest;
      const heapNeed = Math.max(heapShare * (rest + PARSE * whole), parsedShare * whole);
      const fits = need <= room && heapNeed <= heapRoom;
      const isSmall = all <= small && heapNeed <= heapSmall;
      const isKnown = body.length !== UNKNOWN && !body.isEncoded;
      const mayPass = fits || (isSmall && (hasBegun || mayBegin || (maySmall && isKnown)));
      const mustGoOn = isFirst && (hasBegun || mayBegin); // otherwise nobody would
      if (!mustGoOn && (isFull || !mayPass)) {
        isFull = true; // no younger one overtakes it
        this.#stop(body);
        return;
      }
      const isSlow = hasBegun && !body.isStopped && (isQuiet || body.pace.bytes < SLOW);
      if (!isSlow) {
        room -= need;
        heapRoom -= heapNeed;
        small -= all;
        heapSmall -= heapNeed;
        isFirst = false;
      }
      this.#goOn(body);
    });
    const hasRoom = room > 0 && heapRoom > 0;
    this.#isHolding = isFull || !(hasRoom || (maySmall && small > 0 && heapSmall > 0));
  }

  #goOn(body) {
    if (body.isStopped) {
      this.#stopped--;
      body.goOn();
    }
    if (body.begin === null) return;
    const { begin } = body;
    body.begin = null;
    this.#held--;
    this.#counts.admitted++;
    begin();
  }

  #stop(body) {
    if (body.isStopped) return;
    body.stop();
    this.#stopped++;
    this.#counts.stops++;
  }

  #relieve(now, share, heapShare) {
    if (share >= SHARES.giveBack && now - this.#gaveBack >= GIVE_BACK_MS) {
      this.#gaveBack = now;
      this.#relief.giveBack();
    }
    const isWaiting = this.#stopped > 0 || this.#held > 0;
    if (!isWaiting && share < SHARES.collect && heapShare < SHARES.collect) return;
    if (this.#relief.collect()) this.#counts.collections++;
  }

  /**
   * Whether there was a collection since so much was used: garbage is no reason to cut anybody off.
   */
  #isProven() {
    this.#collectedBefore ??= this.#counts.collections;
    return this.#counts.collections > this.#collectedBefore;
  }

  /**
   * Ends the body that has the most of those that do not come on; or one that alone is too large.
   */
  #cutOne(used) {
    const mostMs = Math.max(LEAST_IDLE_MS, this.stallFor(SHARES.hold));
    let [worst, waits] = [null, false];
    this.#open.each((body) => {
      if (body.isDone || body.isOver || body.isRefused) return;
      if (body.isStopped || body.begin !== null) waits = true;
      else if (body.pace.idleMs >= mostMs && body.got > (worst?.got ?? 0)) worst = body;
    });
    if (worst !== null && waits) {
      this.#counts.cut++;
      this.#tell('cut', worst);
      return worst.destroy();
    }
    const { first } = this.#open;
    if (used < SHARES.cut * this.limit || first === null || !this.#isAlone(first)) return undefined;
    this.#refused[413]++;
    const message = `A body of more than ${formatBytes(first.got)} does not fit into the memory limit of ${formatBytes(this.limit)}`;
    return first.fail(413, 0, new RallocError('ERR_RALLOC_LIMIT', message));
  }

  /** Whether a body that still comes has so much by itself that no waiting helps. */
  #isAlone(first) {
    const room = this.#roomOfBodies;
    const { isDone, isRefused, begin, got } = first;
    if (isDone || isRefused || begin !== null || room <= 0 || got < room / 4) return false;
    let others = 0;
    for (let body = first.next; body !== null; body = body.next) others += body.got;
    return others < got / 8;
  }

  /**
   * Milliseconds without progress after which somebody is cut off: fewer with pressure, down to a
   * second at the share `most`.
   */
  stallFor(most = SHARES.cut) {
    const { used, heap, heapLimit } = this.#gauges.read(SLOW_MS);
    const share = Math.max(used / this.limit, heap / heapLimit);
    return stallFor(this.#settings.stallMs, share, NEAR, most);
  }

  /**
   * Bytes that write queues may have: a quarter of the limit, or of V8's heap once that fills,
   * since text that waits is there.
   */
  get mostUnsent() {
    const { heap, heapLimit } = this.#gauges.read(SLOW_MS);
    const isFilling = heap > SHARES.giveBack * heapLimit;
    return NEAR * (isFilling ? Math.min(this.limit, heapLimit) : this.limit);
  }

  /** `isKept`: no body in flight holds what those that wait would need. */
  #expire(now, isKept) {
    if (this.#held === 0) return;
    const waitMs = Math.min(this.#settings.waitMs, isKept ? KEPT_MS : Infinity);
    let left = REFUSED;
    this.#open.each((body) => {
      if (body.begin === null || left === 0) return;
      if (this.#isTooLarge(body)) this.#refuse(body, 413);
      else if (now - body.since >= waitMs) this.#refuse(body, 503);
      else return;
      left--;
    });
  }

  /** What is learnt may be of garbage, too: a byte is not assumed to take more than one. */
  #isTooLarge({ length }) {
    const share = Math.min(1, this.#memory.share ?? 0);
    const room = this.#roomOfBodies;
    return length !== UNKNOWN && room > 0 && share * length > room;
  }

  /** Bytes; 0 or less where the application keeps more by itself. */
  get #roomOfBodies() {
    return SHARES.hold * this.limit - this.#base.used;
  }

  #refuse(body, status) {
    if (body.begin !== null) this.#held--;
    body.begin = null;
    this.#refused[status]++;
    this.#tell('refused', body);
    body.refuse(status, 1000);
  }

  #tell(what, body) {
    const { req, got: bytes } = body;
    const { used } = this.#gauges.read(SLOW_MS);
    const detail = { what, limit: this.limit, used, route: routeOf(req), bytes };
    warnOnce('RALLOC_BODY_REFUSED', detail, `RALLOC_BODY_REFUSED ${what}`);
  }

  stats() {
    const { used, heap, heapLimit } = this.#gauges.read(SLOW_MS);
    return {
      ...{ limit: this.limit, used, heap, heapLimit, peak: this.#peak },
      ...{ bodies: this.#open.size, stopped: this.#stopped, waiting: this.#held },
      ...{ share: this.#memory.share, heapShare: this.#heap.share },
      ...this.#counts,
      refused: { ...this.#refused },
    };
  }
}

module.exports = { Controller };
