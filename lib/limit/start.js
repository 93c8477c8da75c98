'use strict';

// Begins the memory limit of this process, once its first server listens.

const v8 = require('node:v8');
const { kMessage } = require('../base/internals.js');
const time = require('../base/time.js');
const { heapFlags } = require('../base/bytes.js');
const { isOn, variable, warnOfValue } = require('../base/environment.js');
const { instances } = require('../base/instances.js');
const { warnOnce } = require('../base/warnings.js');
const { collectNow, timeOf } = require('../memory/gc.js');
const { giveBackWarm } = require('../memory/idle.js');
const memory = require('../memory/native.js');
const nodeMade = require('../process/made-by-node.js');
const { Controller } = require('./controller.js');
const { Leaving } = require('./leaving.js');
const { isClusterWorker } = require('./setting.js');
const { splitNow } = require('../process/split.js');
const { takenFrom } = require('../node/taken.js');
const { kinds } = require('../process/made-by-node.js');
const { routeOf } = require('../process/inventory.js');

// Clients that do not read what a server sends them: when all write queues have more than a part of
// the limit, the one with the most that has taken nothing for long is closed. Who reads slowly
// stays: its kernel tells of each byte.

const queued = ({ writableLength = 0, [kMessage]: message }) =>
  Math.max(writableLength, message?.writableLength ?? 0);

class Readers {
  #known = new WeakMap(); // socket -> { taken, since }
  #controller;
  queued = 0;
  cut = 0;

  constructor(controller) {
    this.#controller = controller;
  }

  /** Since when a client has taken nothing. */
  #stuckFor(socket, now) {
    const taken = takenFrom(socket);
    const known = this.#known.get(socket);
    if (known !== undefined && (taken === undefined || taken <= known.taken))
      return now - known.since;
    this.#known.set(socket, { taken: taken ?? 0, since: now });
    return 0;
  }

  look(now = time.now()) {
    const { objects } = kinds.sockets.some(Number.MAX_SAFE_INTEGER);
    const clients = objects.filter(({ server }) => server); // not connections to others
    const waiting = clients
      .map((socket) => [socket, queued(socket)])
      .filter(([, bytes]) => bytes > 0);
    this.queued = waiting.reduce((sum, [, bytes]) => sum + bytes, 0);
    const { mostUnsent } = this.#controller;
    if (this.queued < mostUnsent / 4) return; // since when is known by the time that it counts
    const stuck = waiting.map(([socket, bytes]) => [socket, bytes, this.#stuckFor(socket, now)]);
    if (this.queued < mostUnsent) return;
    const mostMs = this.#controller.stallFor();
    stuck.sort(([, one], [, other]) => other - one);
    let left = this.queued;
    for (const [socket, bytes, ms] of stuck) {
      if (ms < mostMs) continue;
      this.#cut(socket, bytes, ms);
      left -= bytes;
      if (left < mostUnsent) return;
    }
  }

  #cut(socket, bytes, ms) {
    this.cut++;
    const req = socket[kMessage]?.req;
    const route = req === undefined ? 'a connection' : routeOf(req);
    warnOnce('RALLOC_CLIENT_CUT', {
      route,
      address: socket.remoteAddress,
      bytes,
      ms,
      total: this.queued,
    });
    socket.destroy();
  }
}

// How much memory the process has that cannot be given back at once: what V8 knows of, some
// microseconds each time, and what RSS has beside it, now and then.

class Gauges {
  #beside = 0;
  #at = Number.NEGATIVE_INFINITY;

  /**
   * `{ used, own, heap, heapLimit }` in bytes. `own`: V8's heap and what it knows outside of it;
   * `used`: the process. `everyMs`: how old the part may be that only RSS shows.
   */
  read(everyMs) {
    const now = time.now();
    const {
      used_heap_size: heap,
      external_memory: external,
      heap_size_limit: heapLimit,
    } = v8.getHeapStatistics();
    const own = heap + external;
    if (now - this.#at >= everyMs) {
      const { rss, parts } = splitNow();
      this.#beside = rss - parts.heapKept - (parts.mallocKept ?? 0) - own;
      this.#at = now;
    }
    return { used: Math.max(0, own + this.#beside), own, heap, heapLimit };
  }
}

const LOOK_MS = 500;
const COLLECT_MS = 250; // between two collections
const COLLECT_SHARE = 20; // and so many times what the last one took
const WAIT_MS = 60_000;
const STALL_MS = 30_000;
const GRACE_S = 25;
const HEAP_SHARE = 0.75; // of the limit, that V8's heap may have: the rest is Node's, and Buffers'

const relief = {
  ended: Number.NEGATIVE_INFINITY,
  took: 0,
  giveBack() {
    giveBackWarm();
    memory.trimMalloc?.();
  },
  /** Runs a collection, unless they would take more than a twentieth of the time. */
  collect() {
    if (time.now() - this.ended < Math.max(COLLECT_MS, COLLECT_SHARE * this.took)) return false;
    this.took = timeOf(() => collectNow(Number.POSITIVE_INFINITY));
    this.ended = time.now();
    return true;
  },
};

/** V8's heap cannot be made smaller once it runs. */
function checkHeap(limit) {
  const heap = v8.getHeapStatistics().heap_size_limit;
  if (heap <= HEAP_SHARE * limit) return;
  warnOnce('RALLOC_MEMORY_HEAP', { limit, heap, flags: heapFlags(limit / 2) });
}

function graceMs() {
  const name = 'RALLOC_MEMORY_GRACE';
  const text = variable(name) ?? '';
  const seconds = Number(text || GRACE_S);
  if (seconds > 0 && seconds <= 3600) return seconds * 1000;
  warnOfValue(name, text, 'it takes seconds');
  return GRACE_S * 1000;
}

/** The limit of a process, of `limit` bytes. */
class Limit {
  controller;
  readers;
  leaving = null;
  servers = new Set();

  constructor(limit) {
    checkHeap(limit);
    nodeMade.watch();
    this.controller = new Controller(
      limit,
      { waitMs: WAIT_MS, stallMs: STALL_MS },
      new Gauges(),
      relief,
    );
    this.readers = new Readers(this.controller);
    if (isOn('RALLOC_MEMORY_DRAIN') === true) {
      const settings = { graceMs: graceMs(), isWorker: isClusterWorker() };
      this.leaving = new Leaving(this.controller, this.servers, relief, settings);
    }
    time.outside(() => time.setInterval(() => this.#look(), LOOK_MS).unref?.());
    instances.limits.add(this, '');
  }

  #look() {
    this.readers.look();
    this.leaving?.look();
  }

  listens(server) {
    this.servers.add(server);
    server.once('close', () => this.servers.delete(server));
  }

  enter(req, res, begin) {
    this.controller.enter(req, res, begin);
  }

  stats() {
    const { queued, cut } = this.readers;
    return { ...this.controller.stats(), unsent: queued, clientsCut: cut };
  }
}

module.exports = { Limit, Gauges, Readers };
