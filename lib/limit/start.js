'use strict';

// Begins the memory limit of this process, once its first server listens.

const v8 = require('node:v8');
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
const { Gauges } = require('./gauges.js');
const { Leaving } = require('./leaving.js');
const { Readers } = require('./readers.js');
const { isClusterWorker } = require('./setting.js');

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
    time.outside(() => time.unref(time.setInterval(() => this.#look(), LOOK_MS)));
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

  stats() {
    const { queued, cut } = this.readers;
    return { ...this.controller.stats(), unsent: queued, clientsCut: cut };
  }
}

module.exports = { Limit };
