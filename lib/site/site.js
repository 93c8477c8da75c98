'use strict';

// site('name'): a place of the application's that allocates, by its name. A table says which memory its Buffers get; it does what Buffer does, whichever that is.

const { inspect } = require('node:util');
const { isUint8Array } = require('node:util').types;
const { current } = require('../arena/current.js');
const { allocWarm } = require('../arena/warm.js');
const { typeError, rangeError } = require('../base/errors.js');
const { kSiteMemory } = require('../base/protocol.js');
const { showProfiler } = require('../base/seen.js');
const check = require('../base/validate.js');
const { lengthOf } = require('../base/views.js');
const { concatInto } = require('./concat.js');
const { free, freeOnce, hold, letGo, memoryOf, take } = require('./memory.js');
const { HEAP, NOWHERE, REQUEST, requestsOf } = require('./routes.js');

const { set } = Uint8Array.prototype;

/** Encodings of which Buffer.byteLength() is exact; of the others it is an upper bound. */
const EXACT = new Set([
  'utf8',
  'utf-8',
  'utf16le',
  'utf-16le',
  'ucs2',
  'ucs-2',
  'latin1',
  'binary',
  'ascii',
]);

/** Of an arena that gives no more, or of a system that has none: no reason to fail for what Node may still give. */
const REFUSED = new Set(['ERR_RALLOC_LIMIT', 'ERR_RALLOC_MAP']);

const MOST_LETTERS = 100;
const CONTROL = /\p{C}|\p{Zl}|\p{Zp}/u;

/** For the table: sets the routes of a site, and what it is. */
let route;

class Site {
  #name;
  #routes = NOWHERE;
  #requests = 0; // of them, what is of requests
  #baked = null; // what the table has of it
  #full = 0; // Buffers that Node gave where the memory of the table was full
  #unfreed = 0; // calls of free() with nothing to free

  constructor(name) {
    this.#name = name;
  }

  get name() {
    return this.#name;
  }

  // Hot: 20 to 30 instructions over `(current() ?? Buffer).allocUnsafe`, see bench/site-instructions.js. What is no size is for Buffer to refuse.
  allocUnsafe(size) {
    if (
      typeof size === 'number' &&
      size >>> 0 === size &&
      this.#requests << Math.clz32(size - 1) < 0
    ) {
      const arena = current();
      if (arena === undefined) return Buffer.allocUnsafe(size);
      return allocWarm(arena, size) ?? this.#elsewhere(size);
    }
    return this.#elsewhere(size);
  }

  /** Where it is not of what a request's arena has warm. */
  #elsewhere(size) {
    return this.#placed(size, false) ?? Buffer.allocUnsafe(size);
  }

  alloc(size, fill, encoding) {
    if (fill === undefined || fill === 0) return this.#placed(size, true) ?? Buffer.alloc(size);
    const buffer = this.#placed(size, false);
    if (buffer === null) return Buffer.alloc(size, fill, encoding);
    return this.#written(buffer, () => buffer.fill(fill, 0, size, encoding));
  }

  from(value, encodingOrOffset, length) {
    if (typeof value === 'string') return this.#fromText(value, encodingOrOffset);
    return isUint8Array(value) ? this.#copied(value) : Buffer.from(value, encodingOrOffset, length);
  }

  concat(list, length) {
    return concatInto((size) => this.#placed(size, false), list, length);
  }

  free(buffer) {
    if (buffer === undefined || buffer === null) return false;
    check.view(buffer, 'buffer');
    const isFreed = free(buffer);
    if (!isFreed) this.#unfreed++;
    return isFreed;
  }

  hold(buffer) {
    check.view(buffer, 'buffer');
    const arena = current();
    if (arena?.owns(buffer)) return new SiteHold(buffer, arena.hold());
    hold(buffer);
    return new SiteHold(buffer, null);
  }

  stats() {
    const { strategy = null, certainty = null } = this.#baked ?? {};
    const isRouted = this.#routes.some((to) => to !== HEAP);
    const [full, unfreed] = [this.#full, this.#unfreed];
    return { name: this.#name, strategy, certainty, isRouted, full, unfreed };
  }

  /** A Buffer of the memory that the table says; null where that is Node's. */
  #placed(size, zero) {
    if (typeof size !== 'number' || size >>> 0 !== size) return null;
    const to = this.#routes[Math.clz32(size - 1)];
    if (to === HEAP) return null;
    if (to !== REQUEST) return this.#take(to, size, zero);
    const arena = current();
    if (arena === undefined) return null;
    try {
      return zero ? arena.alloc(size) : arena.allocUnsafe(size);
    } catch (error) {
      this.#refused(error);
      return null;
    }
  }

  #take(to, size, zero) {
    try {
      const buffer = take(to, size, zero);
      if (buffer === null) this.#full++;
      return buffer;
    } catch (error) {
      this.#refused(error);
      return null;
    }
  }

  #refused(error) {
    if (!REFUSED.has(error?.code)) throw error;
    this.#full++;
  }

  #fromText(text, encoding) {
    const isExact = encoding === undefined || EXACT.has(encoding);
    if (!isExact) return this.#copied(Buffer.from(text, encoding), true);
    const size = Buffer.byteLength(text, encoding);
    const buffer = this.#placed(size, false);
    if (buffer === null) return Buffer.from(text, encoding);
    return this.#written(buffer, () => {
      buffer.write(text, 0, size, encoding);
      return buffer;
    });
  }

  /** `isOurs`: nobody else has the bytes, so they may stay. */
  #copied(bytes, isOurs = false) {
    const buffer = this.#placed(lengthOf.call(bytes), false);
    if (buffer === null) return isOurs ? bytes : Buffer.from(bytes);
    set.call(buffer, bytes);
    return buffer;
  }

  /** What `write` returns; where it throws, nobody has the Buffer. */
  #written(buffer, write) {
    try {
      return write();
    } catch (error) {
      freeOnce(buffer);
      throw error;
    }
  }

  /** For a profiler: see base/protocol.js. */
  [kSiteMemory](buffer) {
    return memoryOf(buffer);
  }

  [inspect.custom]() {
    return #name in this ? `Site { '${this.#name}' }` : 'Site {}'; // a Proxy of one, or its heir
  }

  static {
    route = (site, baked, routes) => {
      site.#baked = baked;
      site.#routes = routes;
      site.#requests = requestsOf(routes);
    };
  }
}

class SiteHold {
  #buffer;
  #hold;

  /** `hold`: of the arena that the Buffer is of; null where it is of none. */
  constructor(buffer, hold) {
    this.#buffer = buffer;
    this.#hold = hold;
  }

  release() {
    if (this.#buffer === null) return;
    if (this.#hold !== null) this.#hold.release();
    else letGo(this.#buffer);
    this.#buffer = null;
  }

  [Symbol.dispose]() {
    this.release();
  }
}

/** Throws for what cannot be the name of a site: it stands in tables and reports. */
function checkName(name) {
  if (typeof name !== 'string') throw typeError('name', 'of type string', name);
  if (name.length === 0 || name.length > MOST_LETTERS || CONTROL.test(name)) {
    const range = `1 to ${MOST_LETTERS} characters, none of them a control character`;
    throw rangeError('name', range, name);
  }
  return name;
}

showProfiler('site', Site.prototype);

module.exports = { Site, checkName, route };
