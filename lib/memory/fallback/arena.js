'use strict';

// LeasedArena (src/node/leased_arena.rs) in JavaScript, over memory of V8: used where no binary
// fits, in worker threads, and with RALLOC_BACKEND=js. A chunk is one ArrayBuffer that V8 owns;
// quarantine drops it and lets V8 free it, so nothing here can be unmapped under anyone.

const { constants } = require('node:buffer');
const { version } = require('../../base/version.js');
const depot = require('./depot.js');
const { move } = require('./move.js');

const PAGE = 4096;

const round = (bytes) => Math.ceil(bytes / PAGE) * PAGE;

const coded = (code, message) => Object.assign(new Error(message), { code });
const corrupted = (message) => coded('ERR_RALLOC_CORRUPTED', message);

/**
 * Called when V8 has collected a dropped ArrayBuffer, at a major GC (Node 26: at a minor one too).
 * One registry for all arenas: up to Node 24, if a registry dies while it still has callbacks to
 * run, V8 calls back no registry of the thread any more.
 */
const deaths = new FinalizationRegistry((dropped) => {
  dropped.bytes.quarantined -= dropped.size;
});

class LeasedArena {
  #limit;
  #spans = new Map(); // id -> { epoch, size, state }
  #nextId = 0;
  #nextEpoch = 0;
  #bytes = { leased: 0, held: 0, quarantined: 0, adopted: 0 }; // used = their sum
  #peak = 0;
  #mapped = 0;
  #recycled = 0;

  constructor(maxBytes) {
    this.#limit = maxBytes;
  }

  /** Called only for the options `memory`, none of which V8 supports. */
  probe() {
    return { kind: 'unsupported', why: 'the JavaScript backend has ordinary memory of V8 only' };
  }

  lease(need, want, _isChunk, registers) {
    const used = this.used();
    const size = Math.min(Math.max(round(want), round(need)), this.#limit - used);
    if (size < need) return null;
    let ab = depot.take(size);
    const fresh = ab === undefined;
    try {
      ab ??= new ArrayBuffer(size);
    } catch {
      const failure = { kind: 'map', syscall: 'ArrayBuffer', errno: 12, code: 'ENOMEM' };
      return { ...failure, used, limit: this.#limit };
    }
    // Node 20 can make ArrayBuffers that are longer than any Buffer.
    if (need > constants.MAX_LENGTH) throw coded('ERR_RALLOC_UNSUPPORTED', 'too long for a Buffer');
    const id = this.#nextId++;
    const epoch = ++this.#nextEpoch;
    this.#spans.set(id, { epoch, size, state: 'leased' });
    // No call from here on, because a call can overflow the stack. The same holds for every change
    // in this file.
    this.#bytes.leased += size;
    if (fresh) this.#mapped++;
    else this.#recycled++;
    if (used + size > this.#peak) this.#peak = used + size;
    registers[0] = id;
    registers[1] = epoch;
    registers[2] = fresh ? 0 : size;
    return ab;
  }

  renew(id, epoch, ab) {
    this.#span(id, epoch);
    return move(ab);
  }

  hold(id, epoch) {
    this.#move(id, epoch, 'leased', 'held');
  }

  unhold(id, epoch) {
    this.#move(id, epoch, 'held', 'leased');
  }

  quarantine(id, epoch, _cleanFrom, ab) {
    const dropped = { bytes: this.#bytes, size: 0 };
    deaths.register(ab, dropped);
    const { size } = this.#end(id, epoch);
    this.#bytes.quarantined += size;
    dropped.size = size;
  }

  // The bytes are in an ArrayBuffer whose owner is unknown and whose death cannot be observed, so
  // they no longer count here.
  steal(id, epoch) {
    this.#end(id, epoch);
  }

  release(id, epoch, _cleanFrom, ab) {
    const place = depot.reserve(ab.byteLength);
    this.#end(id, epoch);
    place.ab = ab;
  }

  adopt(size) {
    const used = this.used();
    if (size > this.#limit - used) return { kind: 'limit', used, limit: this.#limit };
    this.#bytes.adopted += size;
    if (used + size > this.#peak) this.#peak = used + size;
    return null;
  }

  disown(size) {
    if (size > this.#bytes.adopted) throw corrupted(`${size} bytes were not adopted`);
    this.#bytes.adopted -= size;
  }

  setLimit(maxBytes) {
    this.#limit = maxBytes;
  }

  trim() {
    return 0;
  }

  /** V8 gives back whole ArrayBuffers only. */
  decommit() {
    return 0;
  }

  restart() {
    this.#peak = this.used();
    this.#mapped = 0;
    this.#recycled = 0;
  }

  used() {
    const { leased, held, quarantined, adopted } = this.#bytes;
    return leased + held + quarantined + adopted;
  }

  quarantined() {
    return this.#bytes.quarantined;
  }

  stats(registers) {
    const { leased, held, quarantined } = this.#bytes;
    const used = this.used();
    const spans = this.#spans.size;
    const numbers = [this.#limit, used, this.#peak, leased, held, quarantined, 0, 0];
    const own = leased + held + quarantined;
    registers.set([...numbers, spans, spans, spans, own, own, this.#recycled, this.#mapped]);
  }

  chunks() {
    return [...this.#spans.values()].map(({ size, state }) => {
      // Only V8 knows how much of it is in RAM: at most all of it.
      const bytes = { reserved: size, committed: size, resident: size };
      return { size, state, spans: 1, pins: 1, ...bytes, hugePages: 'none' };
    });
  }

  #span(id, epoch) {
    const span = this.#spans.get(id);
    if (span === undefined || span.epoch !== epoch) throw corrupted(`span ${id} is not leased`);
    return span;
  }

  #move(id, epoch, from, to) {
    const span = this.#span(id, epoch);
    if (span.state !== from) throw corrupted(`span ${id} is ${span.state}, not ${from}`);
    span.state = to;
    this.#bytes[from] -= span.size;
    this.#bytes[to] += span.size;
  }

  #end(id, epoch) {
    const span = this.#span(id, epoch);
    this.#spans.delete(id);
    this.#bytes[span.state] -= span.size;
    return span;
  }
}

module.exports = {
  LeasedArena,
  trimDepot: depot.trim,
  depotStats: depot.stats,
  pageSize: () => PAGE,
  version: () => version,
};
