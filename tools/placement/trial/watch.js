'use strict';

// Buffers that outlive their request. They are dead then, whoever has them: what functions of Node
// and of ralloc refuse is counted by the site that gave it, and of some of them it is looked
// whether anybody still has them once V8 has collected what nobody has.

const { PrivateFields } = require('../../../lib/base/private-fields.js');
const { kHolder, kMemory } = require('../../../lib/base/protocol.js');
const { MajorCount, SUFFICIENT, collectNow } = require('../../../lib/memory/gc.js');
const time = require('../../../lib/base/time.js');
const { arrayBufferOf, lengthOf } = require('../../../lib/base/views.js');
const { ALLOCATED, DEAD, KEPT, LOOKED, PERHAPS } = require('./counts.js');

/** One in so many Buffers of a site is examined, starting with the first. */
const EVERY = 16;
/**
 * Most Buffers that a thread examines at a time, because V8 keeps the target of a WeakRef until a
 * major collection.
 */
const MOST_LOOKED = 256;
const LOOK_MS = 1000;

/** The largest heap for the full collection at the end, which takes 0.2 to 1.6 ms a MiB. */
const MOST_HEAP_AT_END = 48 * 1024 * 1024;

/**
 * Notes on an arena's ArrayBuffer the sites whose Buffers are in it, in a private field, for 3 to
 * 10 ns a Buffer. A WeakMap of all Buffers would cost 0.8 to 2 µs for each. A field of the Buffers
 * themselves would halve the speed of loops that read them together with others (Node 24 and 26).
 */
class SiteBearer extends PrivateFields {
  #sites;

  constructor(memory, sites) {
    super(memory);
    this.#sites = sites;
  }

  static sitesOf(memory) {
    return #sites in memory ? memory.#sites : undefined;
  }

  /** Makes a list only for several sites, so that most Buffers cost no search in one. */
  static add(memory, site) {
    if (!(#sites in memory)) new SiteBearer(memory, site);
    else if (!Array.isArray(memory.#sites)) memory.#sites = [memory.#sites, site];
    else if (!memory.#sites.includes(site)) memory.#sites.push(site);
  }
}

class Watch {
  #looked = []; // { site, ref, until }
  #majors = new MajorCount();
  #timer = null;
  #isTicking = false; // whether the ticker runs, or will start at the next tick

  /**
   * Called when a site returned a Buffer within a request. Returns false if the Buffer is not the
   * arena's, because that was full.
   */
  gave(site, buffer) {
    const memory = buffer.buffer;
    if (SiteBearer.sitesOf(memory) !== site) {
      if (buffer.length > 0 && memory[kMemory] !== true && memory[kHolder] === undefined)
        return false;
      SiteBearer.add(memory, site);
    }
    if (site.counts[ALLOCATED] % EVERY === 0) this.#look(site, buffer);
    return true;
  }

  /**
   * Called when a dead view was used. Its place in the memory is no longer known, so if there are
   * several sites, neither is its site.
   */
  died(view) {
    const sites = SiteBearer.sitesOf(arrayBufferOf(view));
    if (Array.isArray(sites)) for (const { counts } of sites) counts[PERHAPS]++;
    else if (sites !== undefined) sites.counts[DEAD]++;
  }

  #look(site, buffer) {
    if (this.#looked.length >= MOST_LOOKED || lengthOf.call(buffer) === 0) return;
    this.#looked.push({ site, ref: new WeakRef(buffer), until: undefined });
    if (this.#isTicking) return;
    this.#isTicking = true;
    time.outside(() => {
      this.#timer = time.setInterval(() => this.#tick(), LOOK_MS);
      this.#timer.unref();
    });
  }

  #tick() {
    const { count } = this.#majors;
    this.#looked = this.#looked.filter((one) => this.#isOpen(one, count));
    if (this.#looked.length > 0) return;
    time.clearInterval(this.#timer);
    this.#isTicking = false;
  }

  /** Whether it is still unknown if the Buffer was kept. */
  #isOpen(one, collections) {
    const buffer = one.ref.deref();
    if (buffer === undefined) return this.#tell(one, false);
    if (lengthOf.call(buffer) > 0) return true; // its request is still in flight
    one.until ??= collections + SUFFICIENT;
    return collections < one.until || this.#tell(one, true);
  }

  #tell({ site: { counts } }, isKept) {
    counts[LOOKED]++;
    if (isKept) counts[KEPT]++;
    return false;
  }

  /** Called at the end of the thread: Buffers that are still there after a collection were kept. */
  end() {
    if (this.#looked.length === 0 || !collectNow(MOST_HEAP_AT_END)) return;
    for (const one of this.#looked.splice(0)) {
      const buffer = one.ref.deref();
      if (buffer === undefined || lengthOf.call(buffer) === 0)
        this.#tell(one, buffer !== undefined);
    }
  }
}

module.exports = { Watch };
