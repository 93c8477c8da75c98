'use strict';

// Operations of Node that use blocks after their function returned (lib/guard/), of regions with the option `guard`. A block that
// is freed meanwhile waits for one of them; when that is over, for another one, or its bytes are free.
//
// While operations are in flight every free of the region takes the slow path, which asks here; else nobody does.

const { tellsDeaths } = require('../base/dead.js');
const { deadError } = require('../base/errors.js');
const { watchOrphans } = require('../memory/orphaned-operations.js');
const idle = require('../memory/idle.js');
const { deathOf, takeBack } = require('./buffer.js');
const { MARK, WAITING } = require('./record.js');

const PAGE_LOG = 12;

/** One operation on bytes of a chunk. */
class Operation {
  count = 0; // 1 while it runs
  next = null; // in core.over
  isWatched = false; // by memory/orphaned-operations.js
  waiting = []; // { id, buffer }: blocks that were freed

  constructor(guard, start, end) {
    this.guard = guard;
    this.start = start; // bytes into the chunk
    this.stop = end;
    const done = () => guard.end(this);
    // Before the operation's callback: there a free finds nothing in flight.
    done.isFirst = true;
    this.end = new WeakRef(done); // who runs the operation has it
  }
}

tellsDeaths(deathOf); // to functions of ralloc's own

const nothing = () => {};

/** What is in flight in a chunk. It is the `kHolder` of its ArrayBuffer: see base/protocol.js. */
class ChunkGuard {
  operations = 0; // in flight
  watched = false; // by idle.js
  #core;
  #chunk;
  #all = new Set();
  #inPage = null; // how many use bytes of each 4 KiB: most frees need to look no further

  constructor(core, chunk) {
    this.#core = core;
    this.#chunk = chunk;
  }

  /** How its Buffers died, once they are dead. */
  get death() {
    if (!this.#core.isLive) return 'region';
    return this.#chunk.ab === this.#chunk.span.ab ? 'transferred' : 'freed';
  }

  /** Whether `view` is a Buffer whose bytes may be somebody else's. */
  isFreed(view) {
    return deathOf(view) !== undefined;
  }

  take(view, kind) {
    const core = this.#core;
    const { byteLength: bytes, byteOffset: start } = view;
    const death = view.buffer.byteLength === 0 ? this.death : deathOf(view);
    if (death !== undefined) throw deadError(undefined, death);
    if (bytes === 0) return nothing;
    if (core.over !== null) finishOperations(core);
    this.#inPage ??= new Int32Array((this.#chunk.size >>> PAGE_LOG) + 1);
    const operation = new Operation(this, start, start + bytes);
    const end = operation.end.deref();
    const inPage = this.#inPage;
    const last = (start + bytes - 1) >>> PAGE_LOG;
    // First, as in finish() they are last: where this is cut off they are too high, never too low.
    for (let page = start >>> PAGE_LOG; page <= last; page++) inPage[page]++;
    core.guarded.count(kind, bytes);
    this.#all.add(operation);
    operation.count = 1; // no call from here on
    this.operations++;
    core.operations++;
    core.isSlow = true;
    return end;
  }

  end(operation) {
    if (operation.count === 0) return; // called twice
    const core = this.#core;
    operation.count = 0;
    this.operations--;
    core.operations--;
    operation.next = core.over;
    core.over = operation; // no call until here
    finishOperations(core);
  }

  /** An operation that uses bytes from `start` to `stop`; undefined if there is none. */
  covering(start, stop) {
    if (this.operations === 0 || !this.#isBusy(start, stop)) return undefined;
    for (const one of this.#all) {
      if (one.count > 0 && one.start < stop && start < one.stop) return one;
    }
    return undefined;
  }

  #isBusy(start, stop) {
    const inPage = this.#inPage;
    const last = (stop - 1) >>> PAGE_LOG;
    for (let page = start >>> PAGE_LOG; page <= last; page++) if (inPage[page] !== 0) return true;
    return false;
  }

  /** A block is freed while an operation uses its bytes; `buffer`: undefined where nobody has it any more. */
  wait(operation, id, buffer) {
    if (!this.watched) idle.watch(this);
    operation.waiting.push({ id, buffer });
  }

  /** Called by the idle timer; returns whether it goes on. */
  tick() {
    let waits = false;
    for (const operation of this.#all) {
      if (operation.waiting.length === 0) continue;
      waits = true;
      watchOrphans(operation);
    }
    return waits;
  }

  /** Can be called again for what was cut off. */
  finish(operation) {
    const core = this.#core;
    if (this.#all.has(operation)) {
      this.#all.delete(operation);
      const last = (operation.stop - 1) >>> PAGE_LOG;
      for (let page = operation.start >>> PAGE_LOG; page <= last; page++) this.#inPage[page]--;
    }
    core.settleSpans();
    if (!core.isLive) return core.leave();
    for (let one = operation.waiting.at(-1); one !== undefined; one = operation.waiting.at(-1)) {
      this.#finishWaiting(one);
      operation.waiting.pop();
    }
    if (core.operations === 0) core.isSlow = core.auto !== null;
  }

  /** A block that waited for an operation goes to the next one, or is free. */
  #finishWaiting({ id, buffer }) {
    const core = this.#core;
    if ((core.spans.table[id + MARK] & WAITING) === 0) return; // by a call that was cut off before it waited
    const { start, stop } = core.bytesOf(id);
    const other = this.covering(start, stop);
    if (other === undefined) takeBack(core, id, buffer);
    else other.waiting.push({ id, buffer });
  }
}

/** Does what there is to do after operations that are over. */
function finishOperations(core) {
  while (core.over !== null) {
    const operation = core.over;
    operation.guard.finish(operation);
    core.over = operation.next;
  }
}

module.exports = { ChunkGuard, finishOperations };
