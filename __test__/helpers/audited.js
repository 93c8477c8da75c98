'use strict';

// Loaded by ava before each test file (ava.config.mjs). In the rooms of the allocator, after each test, audit() finds nothing wrong with any
// arena, slab, region or middleware that the file has made. None of them is kept, and no file of lib/ is loaded before the test loads it, but for the observer.

const path = require('node:path');
const test = require('ava');
const { observing } = require('../../lib/base/observer.js');

const ROOMS = ['arena', 'memory', 'region', 'request', 'slab'];
const REQUESTS = require.resolve('../../lib/request/requests.js');

/** Things that are not kept. */
class Weakly {
  #references = [];
  #most = 64;

  add(thing) {
    if (this.#references.push(new WeakRef(thing)) > this.#most) this.all(() => true);
  }

  /** Those that are still there, and `wanted`; the others are forgotten. */
  all(wanted) {
    const all = this.#references.map((reference) => reference.deref());
    const stays = all.map((thing) => thing !== undefined && wanted(thing));
    this.#references = this.#references.filter((_, i) => stays[i]);
    this.#most = 64 + 2 * this.#references.length;
    return all.filter((_, i) => stays[i]);
  }
}

const cores = { arena: new Weakly(), region: new Weakly(), slab: new Weakly() };
const closed = new WeakSet(); // of the cores
const middlewares = new Weakly();
const requestsOf = new WeakMap(); // middleware → Weakly
const isOpen = (request) => !request.isOver;

/** Hears of nothing else. */
const deaf = new Proxy(
  { readFor: (_place, read) => read() },
  { get: (own, name) => own[name] ?? (() => undefined) },
);

/** Before the observer of debug mode, if that is on. */
function watchCores() {
  const hearing = (other) => ({
    __proto__: other ?? deaf,
    opened(thing, core, kind) {
      cores[kind].add(core);
      other?.opened(thing, core, kind);
    },
    closed(core) {
      closed.add(core);
      other?.closed(core);
    },
  });
  let observer = hearing(null);
  const set = (debugs) => {
    observer = hearing(debugs);
  };
  Object.defineProperty(observing, 'observer', { enumerable: true, get: () => observer, set });
}

let watched;

/** From when the test file has loaded them. */
function watchRequests() {
  const loaded = require.cache[REQUESTS]?.exports;
  if (loaded === undefined || loaded === watched) return;
  watched = loaded;
  const { prototype } = loaded.RequestArenas;
  const { begin } = prototype;
  prototype.begin = function beginWatched(request) {
    if (!requestsOf.has(this)) {
      requestsOf.set(this, new Weakly());
      middlewares.add(this);
    }
    requestsOf.get(this).add(request);
    begin.call(this, request);
  };
}

function auditMiddleware(middleware) {
  const { auditPool } = require('../../lib/memory/audit.js');
  const { auditHeap, auditRequest } = require('./request-audit.js');
  const open = requestsOf.get(middleware).all(isOpen);
  const isComplete = open.length === middleware.inFlight; // else some began before they were watched, or are collected
  return [
    ...auditPool(middleware.pool),
    ...open.flatMap(auditRequest),
    ...(isComplete ? auditHeap(middleware, open) : []),
  ];
}

/** Whether an arena is closed and nothing of its memory is left: no later audit would find more. */
const isOver = (core) => closed.has(core) && core.pool?.stats().used === 0;

/** All that was found; `onlyOpen`: of what is not closed. */
function findings(onlyOpen = false) {
  const any = () => true;
  const found = middlewares.all(any).flatMap(auditMiddleware);
  for (const [kind, all] of Object.entries(cores)) {
    for (const core of all.all(any)) {
      if (onlyOpen && closed.has(core)) continue;
      found.push(...require('../../lib/debug/audit.js').audit(core, kind));
    }
  }
  if (!onlyOpen) cores.arena.all((core) => !isOver(core)); // each was audited after its end
  return found;
}

if (ROOMS.includes(path.basename(path.dirname(test.meta.file)))) {
  watchCores();
  test.before(watchRequests);
  test.afterEach('audit', (t) => {
    watchRequests();
    t.deepEqual(findings(), []);
  });
}

module.exports = { findings };
