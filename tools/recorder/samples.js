'use strict';

// The samples that live, and what becomes of them.

const { arrayBufferOf, byteLengthOf, byteOffsetOf } = require('../../lib/base/views.js');
const time = require('../../lib/base/time.js');
const { bucketOf, sizeClassOf } = require('./buckets.js');
const { events } = require('./events.js');
const { Slice, pinnedBy } = require('./pins.js');
const { varianceOf } = require('./sampling.js');
const { Watched } = require('./watched.js');

/** V8 has typed arrays up to this length on its heap, until somebody asks for their ArrayBuffer. */
const ON_HEAP = 64;

/** What tells the end of a view's memory: its ArrayBuffer, or the view where that has others'. */
function watchedOf(view) {
  if (!ArrayBuffer.isView(view)) return view;
  const bytes = byteLengthOf(view);
  if (bytes <= ON_HEAP) return view;
  const ab = arrayBufferOf(view);
  return ab.byteLength === bytes ? ab : view;
}

const KIB2 = 1024 * 1024;

/** What lives until it is freed, whoever has its Buffer. */
const isFreed = (memory) => memory === 'slab' || memory === 'region';

/** Whether `made` is a part of Node's pool, or of another ArrayBuffer; what is of ralloc has its own statistics. */
function isSlice(made, bytes, memory) {
  if (memory === 'arena' || isFreed(memory) || !ArrayBuffer.isView(made)) return false;
  return bytes > ON_HEAP || byteOffsetOf(made) > 0;
}

/** Whether `made` is all that its ArrayBuffer, which is watched, was allocated for. */
function isAlone(made, watched, memory) {
  return watched !== made && memory !== 'arena' && !isFreed(memory);
}

class Samples {
  #finalizers = new Watched();
  #parts;
  #living = new Set(); // of samples: their memory is there
  #cells;
  #collections;
  /** What is watched → its sample: in a heap snapshot, `ralloc holders` finds the site of an ArrayBuffer by it. */
  #watched = new WeakMap();
  #survivors = null; // at the end
  #requests = new WeakMap(); // request → site → bytes of it, an estimate
  #newest = Number.NEGATIVE_INFINITY; // when it was born
  #heard = Number.NEGATIVE_INFINITY; // when a death was heard last
  #heardBefore = Number.NEGATIVE_INFINITY; // the same, before the collection that #heard is of
  #lastCollection = Number.NEGATIVE_INFINITY; // the start of that one
  live = 0; // bytes, an estimate

  constructor(cells, collections, parts) {
    this.#cells = cells;
    this.#collections = collections;
    this.#parts = parts;
  }

  /** A sample of `bytes` bytes that stands for `weight` of its kind. `made` is what was allocated, `memory` what gave it. */
  add(made, bytes, weight, site, born, request, memory = site.source) {
    const watched = isFreed(memory) ? made : watchedOf(made);
    const all = Math.round(weight * bytes);
    const sample = {
      site,
      sizeClass: sizeClassOf(bytes),
      count: Math.round(weight * 1024),
      bytes: all,
      used: all, // of these: fewer once its view is dead, and parts of it live
      size: bytes,
      born,
      request,
      isOutlived: false,
      isInSlab: isFreed(memory),
      slice: null, // where it is a part of a larger ArrayBuffer
      whole: null, // where parts are followed
      isWaiting: false, // its view is dead, and parts of it live
    };
    if (watched === made && isSlice(made, bytes, memory)) {
      sample.slice = new Slice(arrayBufferOf(made).byteLength);
    }
    if (sample.slice !== null || isAlone(made, watched, memory)) {
      sample.whole = this.#parts.follow(made, bytes, (heard) => this.#less(sample, heard));
    }
    // A slot of a slab is taken until free(), whoever has its Buffer, which may come again.
    if (!sample.isInSlab) this.#finalizers.watch(watched, sample);
    this.#living.add(sample);
    this.#watched.set(watched, sample);
    this.#tell(sample, events.BORN, 0);
    this.#cells.add(site, sample.sizeClass, events.VARIANCE, 0, 0, varianceOf(bytes, weight));
    if (request !== undefined) this.#addTo(request, sample);
    this.#newest = born;
    this.live += sample.bytes;
    site.live += sample.bytes;
    if (site.live > site.peak) site.peak = site.live;
    return sample;
  }

  #addTo(request, { site, sizeClass, bytes }) {
    const sums = this.#requests.get(request) ?? new Map();
    this.#requests.set(request, sums);
    const before = sums.get(site) ?? 0;
    sums.set(site, before + bytes);
    if (before === 0) return;
    this.#cells.add(site, sizeClass, events.BEFORE, 0, 0, Math.round((before * bytes) / KIB2));
  }

  #tell({ site, sizeClass, count, bytes }, event, ms) {
    this.#cells.add(site, sizeClass, event, bucketOf(ms), count, bytes);
  }

  /** As #tell(), of what has not been told to be dead. */
  #tellUsed({ site, sizeClass, count, used }, event, ms) {
    this.#cells.add(site, sizeClass, event, bucketOf(ms), count, used);
  }

  /** It was made in a listener that the context of its request does not reach. */
  listened(sample) {
    this.#tell(sample, events.LISTENED, 0);
  }

  #end(sample) {
    this.#living.delete(sample);
    this.#lessen(sample, sample.used);
  }

  #lessen({ site }, bytes) {
    this.live -= bytes;
    site.live -= bytes;
  }

  /** Whether there are some that a minor collection could find dead. */
  get areYoung() {
    return (
      this.#living.size > 0 &&
      this.#collections.promotedAt(this.#newest) === Number.POSITIVE_INFINITY
    );
  }

  /** Reads what died. */
  hear() {
    this.#collections.note();
    this.#finalizers.hear((sample, heard) => {
      this.#noteHeard(heard);
      if (this.#living.has(sample)) this.#heardOf(sample, heard);
    });
    this.#parts.hear();
  }

  /** Of a part of Node's pool only the view is watched. Where parts of that live, the last of them is its end. */
  #heardOf(sample, heard) {
    sample.isWaiting = sample.slice !== null && sample.whole.count > 0;
    if (!sample.isWaiting) this.#die(sample, heard);
  }

  /** A part of it died, or its view. */
  #less(sample, heard) {
    const { whole, born } = sample;
    if (!this.#living.has(sample) || !whole.isGone) return;
    if (sample.isWaiting && whole.count === 0) {
      const last = this.#collections.before(heard).at;
      this.#dieAt(sample, last > born ? last : heard, this.#heardBefore);
      return;
    }
    const used = Math.round((sample.bytes * whole.parts) / sample.size);
    const dead = sample.used - used;
    if (dead <= 0) return;
    sample.used = used;
    this.#lessen(sample, dead);
    this.#cells.add(sample.site, sample.sizeClass, events.DIED, bucketOf(heard - born), 0, dead);
  }

  /** Deaths are heard in their order, all that there are at a time, some turns after their collection. */
  #noteHeard(heard) {
    const last = this.#collections.before(heard).at;
    if (last !== this.#lastCollection) {
      this.#heardBefore = this.#heard;
      this.#lastCollection = last;
    }
    this.#heard = heard;
  }

  /** Dead by the last collection before `heard`. */
  #die(sample, heard) {
    const last = this.#lastCollection;
    this.#dieAt(sample, last > sample.born ? last : heard, this.#heardBefore);
  }

  /** `heardBefore`: when deaths of earlier collections were heard last. */
  #dieAt(sample, at, heardBefore) {
    this.#end(sample);
    const { born } = sample;
    const isOld = this.#collections.promotedAt(born) < at;
    this.#tellUsed(sample, isOld ? events.DIED_OLD : events.DIED, at - born);
    this.#judge(sample, at, heardBefore);
  }

  /**
   * Whether what is dead at `at` died with its request. Where a sufficient collection was before that, and none of its deaths was heard before the next one, as in a process that
   * waits for the processor, nobody knows which of them found it: it is not told.
   */
  #judge(sample, at, heardBefore) {
    const { born, request } = sample;
    if (request === undefined || sample.isOutlived) return;
    const first = this.#collections.firstSufficient(request.end, at, born);
    if (first === Number.POSITIVE_INFINITY) this.#tell(sample, events.WITH_REQUEST, at - born);
    else if (heardBefore > first) this.#tell(sample, events.OUTLIVED, at - born);
  }

  /** The memory of an ArrayBuffer went back at once. */
  released(ab) {
    this.#leave(ab, events.DIED);
  }

  /** It went to another thread, or into another ArrayBuffer. */
  transferred(ab) {
    this.#leave(ab, events.TRANSFERRED);
  }

  /** Its finalizer, if there is one, knows nothing of that. */
  #leave(ab, event) {
    const sample = this.#watched.get(ab);
    if (sample === undefined || !this.#watched.delete(ab) || !this.#living.has(sample)) return;
    this.#end(sample);
    const now = time.now();
    this.#tellUsed(sample, event, now - sample.born);
    if (event === events.DIED) this.#judge(sample, now, now);
  }

  /** Whether something is sampled by this ArrayBuffer, or Buffer of a slab. */
  has(ab) {
    return this.#watched.has(ab);
  }

  /** Site → bytes that slices pin which have survived a collection, or are alive at the end: of Node's pool, or of a Buffer of the site that is dead. */
  pinned() {
    const since = this.#collections.lastMinor;
    const all = this.#survivors ?? [...this.#living].filter(({ born }) => born < since);
    return pinnedBy(all.filter(({ slice, used, bytes }) => slice !== null || used < bytes));
  }

  /** Tells of those that a sufficient collection has left alive after the end of their request. */
  noteOutlived() {
    const now = time.now();
    for (const sample of this.#living) {
      if (sample.request === undefined || sample.isOutlived) continue;
      const { born, request } = sample;
      // One may have found it, and not be told yet.
      if (this.#collections.sufficient(request.end, now, born) < 2) continue;
      if (this.#heard <= this.#collections.firstSufficient(request.end, now, born)) continue;
      sample.isOutlived = true;
      this.#tell(sample, events.OUTLIVED, now - born);
    }
  }

  /** At the end: what lives is told to, and the rest is dead, by the collection that this is to be called after. No log has that one yet. */
  settle() {
    this.hear();
    this.#parts.settle();
    const now = time.now();
    this.#finalizers.settle((sample) => {
      const hasParts = sample.slice !== null && sample.whole.count > 0;
      if (this.#living.has(sample) && !hasParts) this.#dieAt(sample, now, this.#heard);
    });
    this.#survivors = [...this.#living];
    for (const sample of this.#survivors) this.#survive(sample, now);
    this.#living.clear(); // nothing is told of it a second time
  }

  #survive(sample, now) {
    const { born, request, isOutlived } = sample;
    this.#tellUsed(sample, events.ALIVE, now - born);
    if (request === undefined || isOutlived || request.end > now) return;
    this.#tell(sample, events.OUTLIVED, now - born);
  }
}

module.exports = { Samples };
