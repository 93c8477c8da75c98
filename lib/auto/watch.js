'use strict';

// Buffers that outlive their request. They are dead then, whoever has them: what functions of Node and of ralloc refuse is counted by the site that gave it, and of some of
// them it is looked whether anybody still has them once V8 has collected what nobody has.

const { Bearer } = require('../base/bearer.js');
const { kHolder, kMemory } = require('../base/protocol.js');
const { MajorCount, SUFFICIENT, collectNow } = require('../memory/gc.js');
const time = require('../base/time.js');
const { arrayBufferOf, lengthOf } = require('../base/views.js');
const { ALLOCATED, DEAD, KEPT, LOOKED, PERHAPS } = require('./counts.js');

/** Of a site, one Buffer in so many is looked at, the first one included. */
const EVERY = 16;
/** At a time, of a thread: V8 keeps what a WeakRef is of until a major collection. */
const MOST_LOOKED = 256;
const LOOK_MS = 1000;

/** A full one, at the end, takes 0.2 to 1.6 ms a MiB. */
const MOST_HEAP_AT_END = 48 * 1024 * 1024;

/** The original WeakRef: an application may delete it later. */
const Reference = WeakRef;

/**
 * Gives the memory of an arena the sites that have Buffers of it, as a private field, which nobody sees, in 3 to 10 ns a Buffer. A WeakMap of all Buffers would cost each 0.8 to 2
 * microseconds, and a field of theirs loops that read them and others the half of their speed (Node 24 and 26).
 */
class SiteBearer extends Bearer {
  #sites;

  constructor(memory, sites) {
    super(memory);
    this.#sites = sites;
  }

  static sitesOf(memory) {
    return #sites in memory ? memory.#sites : undefined;
  }

  /** A list only where there are several: no site is looked for in one for each Buffer. */
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
  #isTicking = false; // or will be at the next tick

  /** A site gave a Buffer within a request: false if it is none of the arena, which was full. */
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

  /** Somebody used a view that is dead. Where it was in its memory is known no more, and so which site it is of, where there were several. */
  died(view) {
    const sites = SiteBearer.sitesOf(arrayBufferOf(view));
    if (Array.isArray(sites)) for (const { counts } of sites) counts[PERHAPS]++;
    else if (sites !== undefined) sites.counts[DEAD]++;
  }

  #look(site, buffer) {
    if (this.#looked.length >= MOST_LOOKED || lengthOf.call(buffer) === 0) return;
    this.#looked.push({ site, ref: new Reference(buffer), until: undefined });
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

  /** Whether nothing is known of it yet. */
  #isOpen(one, collections) {
    const buffer = one.ref.deref();
    if (buffer === undefined) return this.#tell(one, false);
    if (lengthOf.call(buffer) > 0) return true; // its request is not over
    one.until ??= collections + SUFFICIENT;
    return collections < one.until || this.#tell(one, true);
  }

  #tell({ site: { counts } }, isKept) {
    counts[LOOKED]++;
    if (isKept) counts[KEPT]++;
    return false;
  }

  /** At the end of the thread: what is there after a collection is kept by somebody. */
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
