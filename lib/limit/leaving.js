'use strict';

// Leaving before the kill: where what is alive after a collection stays near the limit and no request holds it, it is a leak, and no waiting makes room. The process says that it is not ready,
// finishes what is in flight, and ends with an exit code of its own; whoever started it starts another.

const process = require('node:process');
const { formatBytes } = require('../base/bytes.js');
const time = require('../base/time.js');
const { warnOnce } = require('../base/warnings.js');
const { splitNow } = require('../process/split.js');

const SHARE = 0.9; // of the limit
const FOR_MS = 30_000;
const COLLECT_MS = 5000;
const UPTIME_MS = 600_000; // never before: it may only be starting
const EXIT_CODE = 75; // EX_TEMPFAIL of sysexits.h

const NEVER = Number.POSITIVE_INFINITY;

class Leaving {
  reason; // why the process is not ready
  #controller;
  #servers;
  #relief;
  #settings;
  #forMs;
  #since = NEVER;
  #collected = 0;

  /** `servers`: a Set of what listens; `settings`: { graceMs, isWorker }. */
  constructor(controller, servers, relief, settings) {
    this.#controller = controller;
    this.#servers = servers;
    this.#relief = relief;
    this.#settings = settings;
    this.#forMs = FOR_MS * (settings.isWorker ? 1 + Math.random() : 1); // workers do not leave together
  }

  /** Called twice a second. */
  look(now = time.now()) {
    if (this.reason !== undefined) return;
    const { used, limit, bodies } = this.#controller.stats();
    if (used < SHARE * limit || bodies > 0) {
      this.#since = NEVER;
      return;
    }
    if (this.#since === NEVER) this.#since = now;
    if (now - this.#collected >= COLLECT_MS) {
      this.#collected = now;
      this.#relief.giveBack();
      this.#relief.collect();
      return;
    }
    if (now - this.#since >= this.#forMs && process.uptime() * 1000 >= UPTIME_MS)
      this.#leave(used, limit);
  }

  #leave(used, limit) {
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
    const end = () => process.exit(EXIT_CODE);
    time.setTimeout(end, graceMs);
    // Whoever balances the load sees first that this one is not ready; a worker's primary knows at once.
    time.setTimeout(() => this.#close(end), isWorker ? 0 : graceMs / 2);
  }

  /** Accepts no more, and calls end() once all connections are over. */
  #close(end) {
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
