'use strict';

// Leaving before the kill: where what is alive after a collection stays near the limit and no
// request holds it, it is a leak, and no waiting makes room. The process says that it is not ready,
// finishes what is in flight, and ends with an exit code of its own; whoever started it starts
// another.

const process = require('node:process');
const { formatBytes } = require('../base/bytes.js');
const time = require('../base/time.js');
const { warnOnce } = require('../base/warnings.js');
const { splitNow } = require('../process/split.js');

const SHARE = 0.9; // of the limit
const FOR_MS = 30_000;
const WINDOW_MS = 5000; // how much memory grows is seen by the least of each such window
const AHEAD = 3; // windows: so much earlier than it would leave, it begins to collect
const PROOFS = 2; // windows that began with a collection
const YOUNG_MS = 600_000; // never before: it may only be starting
const QUIET = 0.2; // of the grace: nobody but who asks readiness() sends requests any more
const LAST = [0.4, 0.9]; // of the grace: it accepts no more, whoever sends
const EXIT_CODE = 75; // EX_TEMPFAIL of sysexits.h

const NEVER = Number.POSITIVE_INFINITY;

class Leaving {
  reason; // why the process is not ready
  #controller;
  #servers;
  #relief;
  #settings;
  #spread; // workers do not leave together
  #last; // of the grace: processes that leave together must not be away together
  #since = NEVER; // it is near the limit, or will be soon
  #begun = Number.NEGATIVE_INFINITY; // the window
  #least = NEVER;
  #before = NEVER; // the least of the window before
  #proofs = 0;
  #left; // when it began to leave
  #came = 0; // requests since then
  #asked = 0; // of them, such as ask readiness()
  #clients = 0; // the others, at the last look
  #quiet; // since when there are no more of them
  #end; // ends the process

  /** `servers`: a Set of what listens; `settings`: { graceMs, isWorker, youngMs }. */
  constructor(controller, servers, relief, settings) {
    this.#controller = controller;
    this.#servers = servers;
    this.#relief = relief;
    this.#settings = { youngMs: YOUNG_MS, ...settings };
    this.#last = LAST[0] + Math.random() * (LAST[1] - LAST[0]);
    this.#spread = 1 + (settings.isWorker ? Math.random() : 0);
  }

  /** Called twice a second. */
  look(now = time.now()) {
    if (this.reason !== undefined) return this.#drain(now);
    this.#least = Math.min(this.#least, this.#controller.kept);
    const windowMs = now - this.#begun;
    if (windowMs < WINDOW_MS) return;
    const { limit } = this.#controller;
    const kept = this.#least;
    const grown = kept - this.#before;
    // until it is at the limit, if it goes on so
    const leftMs = grown > 0 ? windowMs * ((limit - kept) / grown - 1) : NEVER;
    const leaveMs = this.#settings.graceMs + WINDOW_MS * this.#spread;
    const isHigh = kept >= SHARE * limit;
    const isNear = isHigh || leftMs < leaveMs + AHEAD * WINDOW_MS;
    if (isNear && !this.#relief.collect()) return; // too early for another one: the window goes on
    this.#begun = now;
    this.#before = kept;
    this.#least = NEVER;
    if (!isNear) this.#since = NEVER;
    else if (this.#since === NEVER) {
      this.#since = now;
      this.#proofs = 0;
    } else this.#proofs++;
    if (!isNear) return;
    this.#relief.giveBack();
    const isLong = isHigh && now - this.#since >= FOR_MS * this.#spread;
    const isOld = process.uptime() * 1000 >= this.#settings.youngMs;
    if (isOld && this.#proofs >= PROOFS && (isLong || leftMs < leaveMs))
      this.#leave(kept, limit, now);
  }

  #leave(used, limit, now) {
    const { parts } = splitNow();
    const told = ['heapUsed', 'buffers', 'ralloc', 'native'].map(
      (part) => `${part} ${formatBytes(parts[part])}`,
    );
    this.reason = `${formatBytes(used)} of the memory limit of ${formatBytes(limit)} are alive after a collection (${told.join(', ')})`;
    const { graceMs, isWorker } = this.#settings;
    warnOnce('RALLOC_LEAVING', {
      reason: this.reason,
      code: EXIT_CODE,
      seconds: Math.round(graceMs / 1000),
    });
    this.#left = now;
    this.#quiet = now;
    this.#end = () => process.exit(EXIT_CODE);
    time.setTimeout(this.#end, graceMs);
    if (isWorker) this.#close(); // its primary knows at once
  }

  /** Called for each request while the process leaves. */
  comes() {
    this.#came++;
  }

  /** Called by readiness() while the process leaves: the request is not a client's. */
  asked() {
    this.#asked++;
  }

  /**
   * Accepts no more once whoever balances the load has been told, and its clients go elsewhere.
   * Where all are leaving, they still come here, and are answered as long as there is time.
   */
  #drain(now) {
    if (this.#end === undefined) return;
    const clients = this.#came - this.#asked;
    if (clients > this.#clients || this.#asked === 0) this.#quiet = now;
    this.#clients = clients;
    const { graceMs } = this.#settings;
    const isLast = now - this.#left >= this.#last * graceMs;
    if (isLast || now - this.#quiet >= QUIET * graceMs) this.#close();
  }

  /** Accepts no more, and ends the process once all connections are over. */
  #close() {
    const end = this.#end;
    this.#end = undefined;
    let open = this.#servers.size;
    const closed = () => {
      open--;
      if (open === 0) end();
    };
    for (const server of this.#servers) {
      server.close(closed);
      server.closeIdleConnections?.();
    }
  }
}

module.exports = { Leaving };
