'use strict';

// Keeps the living samples, and records what becomes of them.

const { itemOf } = require('../../lib/base/item-of.js');
const { arrayBufferOf, byteLengthOf, byteOffsetOf } = require('../../lib/base/views.js');
const time = require('../../lib/base/time.js');
const { bucketOf, sizeClassOf } = require('./buckets.js');
const { events } = require('./events.js');
const { Watched } = require('./parts.js');
const { newSlice, pinnedBy } = require('./pins.js');
const { varianceOf } = require('./sampling.js');

const ON_HEAP = 64; // typed arrays of at most so many bytes are on V8's heap, until their property `buffer` is read

/**
 * The object whose death ends a view's memory: its ArrayBuffer, or the view itself if the
 * ArrayBuffer is shared.
 */
function watchedOf(view) {
  if (!ArrayBuffer.isView(view)) return view;
  const bytes = byteLengthOf(view);
  if (bytes <= ON_HEAP) return view;
  const ab = arrayBufferOf(view);
  return ab.byteLength === bytes ? ab : view;
}

/** Whether a view is a part of Node's pool or of another ArrayBuffer. */
const isPart = (view, bytes) =>
  ArrayBuffer.isView(view) && (bytes > ON_HEAP || byteOffsetOf(view) > 0);

/**
 * Whether a sample is a part of a larger ArrayBuffer and has living parts itself: then it ends with
 * the last of them.
 */
const hasParts = ({ slice, whole }) => slice !== null && whole.count > 0;

const KIB2 = 1024 * 1024;
const KEYS = 2 ** 16; // of size class, event and bucket

/**
 * The cells of a block: what happened since the last block, summed by site, size class, event and
 * bucket.
 */
class Cells {
  #cells = new Map(); // key -> { site, row }

  /** `count`: 0 for events that are no samples. A sample stands for at least one allocation. */
  add(site, sizeClass, event, bucket, count, bytes) {
    const key = site.index * KEYS + ((sizeClass << 10) | (event << 6) | bucket);
    const make = () => ({ site, row: [sizeClass, event, bucket, 0, 0, 0] });
    const { row } = itemOf(this.#cells, key, make);
    if (count > 0) row[3]++;
    row[4] += count;
    row[5] += bytes;
  }

  /** Returns the cells, as lines.js has them, and begins new ones. */
  take() {
    const cells = {};
    for (const { site, row } of this.#cells.values()) {
      cells[site.id] ??= [];
      cells[site.id].push(row);
    }
    this.#cells.clear();
    return cells;
  }
}

class Samples {
  #finalizers = new Watched();
  #parts;
  #living = new Set(); // samples whose memory still exists
  #cells;
  #collections;
  /**
   * Watched object -> its sample. In a heap snapshot, `ralloc holders` finds by this Map which site
   * allocated an ArrayBuffer.
   */
  #watched = new WeakMap();
  #survivors = null; // the samples alive at the end
  #mayJudge = true;
  #newest = Number.NEGATIVE_INFINITY; // when the newest sample was born
  #heard = Number.NEGATIVE_INFINITY; // when the last death was reported
  #heardBefore = Number.NEGATIVE_INFINITY; // when the last death of an earlier collection was reported
  #lastCollection = Number.NEGATIVE_INFINITY; // the start of the collection that #heard belongs to
  live = 0; // bytes, an estimate

  constructor(cells, collections, parts) {
    this.#cells = cells;
    this.#collections = collections;
    this.#parts = parts;
  }

  /**
   * Adds a sample of `bytes` bytes that stands for `weight` allocations. `made`: the allocated
   * object; `memory`: the kind of its memory.
   */
  add(made, bytes, weight, site, born, request, memory = site.source) {
    // A slab's slot is taken until free(), even if its Buffer is unreachable; the Buffer object may
    // be used again.
    const isFreed = memory === 'slab' || memory === 'region';
    const watched = isFreed ? made : watchedOf(made);
    const all = Math.round(weight * bytes);
    const sample = {
      site,
      sizeClass: sizeClassOf(bytes),
      count: Math.round(weight * 1024),
      bytes: all,
      used: all, // fewer once its view is dead and only parts of it are alive
      size: bytes,
      born,
      request,
      isOutlived: false,
      slice: null, // set if it is a part of a larger ArrayBuffer
      whole: null, // set if its parts are followed
      isWaiting: false, // whether its view is dead, but parts of it are alive
    };
    const isAlone = watched !== made; // the ArrayBuffer was allocated only for it
    const isSlice = !isAlone && isPart(made, bytes);
    // ralloc's own memory has its own statistics.
    if (!isFreed && memory !== 'arena' && (isAlone || isSlice)) {
      if (isSlice) sample.slice = newSlice(arrayBufferOf(made).byteLength);
      sample.whole = this.#parts.follow(made, bytes, (heard) => this.#less(sample, heard), site);
    }
    this.#tell(sample, events.BORN, 0);
    this.#cells.add(site, sample.sizeClass, events.VARIANCE, 0, 0, varianceOf(bytes, weight));
    if (request !== undefined) this.#addTo(request, sample);
    this.#newest = born;
    this.live += all;
    site.live += all;
    if (site.live > site.peak) site.peak = site.live;
    // From here on it can end. Last, because vm's timeout may stop this anywhere: what ends without
    // having been added would make `live` negative.
    if (!isFreed) this.#finalizers.watch(watched, sample);
    this.#living.add(sample);
    this.#watched.set(watched, sample);
    return sample;
  }

  #addTo(request, { site, sizeClass, bytes }) {
    request.allocated ??= new Map();
    const before = request.allocated.get(site) ?? 0;
    request.allocated.set(site, before + bytes);
    if (before === 0) return;
    this.#cells.add(site, sizeClass, events.BEFORE, 0, 0, Math.round((before * bytes) / KIB2));
  }

  #tell({ site, sizeClass, count, bytes }, event, ms, some = bytes) {
    this.#cells.add(site, sizeClass, event, bucketOf(ms), count, some);
  }

  /** Records a sample from a listener in which the context of its request is lost. */
  listened(sample) {
    this.#tell(sample, events.LISTENED, 0);
  }

  /**
   * Records of a result of Buffer.concat() whether more than half of it is an earlier one of the
   * same line: then each byte is copied again at each call. Both must be samples, so what one
   * stands for is weighed by both.
   */
  joined(made, list) {
    const sample = this.#watched.get(watchedOf(made));
    if (sample === undefined) return;
    const part = list.find((one) => ArrayBuffer.isView(one) && byteLengthOf(one) * 2 > sample.size);
    const before = part && this.#watched.get(watchedOf(part));
    const [line, lineBefore] = [sample, before].map((one) => one?.site.frames?.[0]);
    if (line === undefined || line !== lineBefore || before.site.source !== sample.site.source)
      return;
    const bytes = Math.round((sample.bytes * before.bytes) / before.size);
    this.#tell(sample, events.APPENDED, 0, bytes);
  }

  #lessen({ site }, bytes) {
    this.live -= bytes;
    site.live -= bytes;
  }

  /** Ends a sample: records the part that was not recorded as dead before. */
  #end(sample, event, ms) {
    this.#living.delete(sample);
    this.#lessen(sample, sample.used);
    this.#tell(sample, event, ms, sample.used);
  }

  /** Whether there are samples that a minor collection could find dead. */
  get areYoung() {
    return (
      this.#living.size > 0 &&
      this.#collections.promotedAt(this.#newest) === Number.POSITIVE_INFINITY
    );
  }

  /**
   * Reads which samples have died. The watched object of a part of Node's pool is only its view.
   */
  hear() {
    this.#collections.note();
    this.#finalizers.hear((sample, heard) => {
      this.#noteHeard(heard);
      if (!this.#living.has(sample)) return;
      sample.isWaiting = hasParts(sample);
      if (!sample.isWaiting) this.#die(sample, heard);
    });
    this.#parts.hear();
  }

  /** Called when a part of a sample, or its view, has died. */
  #less(sample, heard) {
    const { whole, born } = sample;
    if (!this.#living.has(sample) || !whole.isGone) return;
    if (sample.isWaiting && whole.count === 0) {
      this.#die(sample, heard);
      return;
    }
    const used = Math.round((sample.bytes * whole.parts) / sample.size);
    const dead = sample.used - used;
    if (dead <= 0) return;
    sample.used = used;
    this.#lessen(sample, dead);
    this.#cells.add(sample.site, sample.sizeClass, events.DIED, bucketOf(heard - born), 0, dead);
  }

  /**
   * Notes when a death was reported. The deaths of a collection are reported together and in order,
   * some turns after it.
   */
  #noteHeard(heard) {
    const last = this.#collections.before(heard);
    if (last !== this.#lastCollection) {
      this.#heardBefore = this.#heard;
      this.#lastCollection = last;
    }
    this.#heard = heard;
  }

  /** Ends a sample that the last collection before `heard` has found dead. */
  #die(sample, heard) {
    const last = this.#collections.before(heard);
    this.#dieAt(sample, last > sample.born ? last : heard, this.#heardBefore);
  }

  /**
   * Ends a sample that died at `at`. `heardBefore`: when the last death of earlier collections was
   * reported.
   */
  #dieAt(sample, at, heardBefore) {
    const { born } = sample;
    const isOld = this.#collections.promotedAt(born) < at;
    this.#end(sample, isOld ? events.DIED_OLD : events.DIED, at - born);
    this.#judge(sample, at, heardBefore);
  }

  /**
   * Records whether a sample that is dead at `at` died with its request or outlived it. If there
   * was an earlier sufficient collection, but no death was reported between the two, for example
   * because the process waited for the processor, it is unknown which collection found the death,
   * and nothing is recorded.
   */
  #judge(sample, at, heardBefore) {
    const { born, request } = sample;
    if (request === undefined || sample.isOutlived || !this.#mayJudge) return;
    const first = this.#collections.firstSufficient(request.end, at, born);
    if (first === Number.POSITIVE_INFINITY) this.#tell(sample, events.WITH_REQUEST, at - born);
    else if (heardBefore > first) this.#tell(sample, events.OUTLIVED, at - born);
  }

  /**
   * Ends the sample of `ab`: DIED if its memory was freed explicitly, TRANSFERRED if it is
   * elsewhere now. A later finalizer is ignored.
   */
  leave(ab, event) {
    const sample = this.#watched.get(ab);
    if (sample === undefined || !this.#watched.delete(ab) || !this.#living.has(sample)) return;
    const now = time.now();
    this.#end(sample, event, now - sample.born);
    if (event === events.DIED) this.#judge(sample, now, now);
  }

  /** Whether this ArrayBuffer, or Buffer of a slab, belongs to a sample. */
  has(ab) {
    return this.#watched.has(ab);
  }

  /**
   * Estimates, for each site, the bytes that its slices pin in Node's pool or in dead Buffers.
   * Counts only slices that survived a collection, or are alive at the end.
   */
  pinned() {
    const since = this.#collections.lastMinor;
    const all = this.#survivors ?? [...this.#living].filter(({ born }) => born < since);
    return pinnedBy(all.filter(({ slice, used, bytes }) => slice !== null || used < bytes));
  }

  /** The bytes that dead Buffers keep, by the site that made the living parts of each. */
  kept() {
    const kept = new Map();
    for (const { used, bytes, slice, whole } of this.#survivors ?? this.#living) {
      const maker = slice === null && used < bytes ? whole?.maker : undefined;
      if (maker !== undefined) kept.set(maker, (kept.get(maker) ?? 0) + bytes - used);
    }
    return kept;
  }

  /**
   * Records the samples that a sufficient collection after the end of their request has left alive.
   */
  noteOutlived() {
    const now = time.now();
    for (const sample of this.#living) {
      if (sample.request === undefined || sample.isOutlived) continue;
      const { born, request } = sample;
      // A collection may have found it dead, but not reported that yet.
      if (this.#collections.sufficient(request.end, now, born) < 2) continue;
      if (this.#heard <= this.#collections.firstSufficient(request.end, now, born)) continue;
      sample.isOutlived = true;
      this.#tell(sample, events.OUTLIVED, now - born);
    }
  }

  /**
   * Call it at the end, after a collection. Records what is alive. The rest died at that
   * collection, which is not in the log yet.
   */
  settle() {
    this.hear();
    this.#parts.settle();
    const now = time.now();
    this.#finalizers.settle((sample) => {
      if (this.#living.has(sample) && !hasParts(sample)) this.#dieAt(sample, now, this.#heard);
    });
    this.#survivors = [...this.#living];
    this.#tellAlive(this.#survivors, now);
  }

  /**
   * Call it before the collection if the program has ended by itself. Records what has survived
   * V8's last two major collections as alive. Of the rest nobody knows whether it would have
   * outlived its request.
   */
  settleSurvivors() {
    this.#mayJudge = false;
    const since = this.#collections.survivedSince;
    this.#tellAlive(
      [...this.#living].filter(({ born }) => born < since),
      since,
    );
  }

  /** Records living samples; they have outlived their requests that ended before `at`. */
  #tellAlive(samples, at) {
    const now = time.now();
    for (const sample of samples) {
      const { born, request, isOutlived, used } = sample;
      this.#tell(sample, events.ALIVE, now - born, used);
      if (!isOutlived && request?.end <= at) this.#tell(sample, events.OUTLIVED, now - born);
      this.#living.delete(sample); // so that nothing is recorded twice
    }
  }
}

module.exports = { Cells, Samples };
