'use strict';

// site('name'): a place of the application's that allocates, by its name. A table says which memory
// its Buffers get; it does what Buffer does, whichever that is.

const { inspect } = require('node:util');
const { current } = require('../arena/current.js');
const { tryAllocUnsafe } = require('../arena/try-alloc.js');
const { typeError, rangeError } = require('../base/errors.js');
const { kSiteMemory } = require('../base/protocol.js');
const { showAllocator } = require('../base/allocators.js');
const check = require('../base/validate.js');
const { BufferLike, kDropped, kPlace, kRefused } = require('./buffer-like.js');
const { free, freeOnce, hold, letGo, memoryOf, take } = require('./memory.js');
const { perRequest } = require('./per-request.js');
const { HEAP, NOWHERE, REQUEST, requestsOf } = require('./routes.js');

const MOST_LETTERS = 100;
const CONTROL = /\p{C}|\p{Zl}|\p{Zp}/u;

/** For the table: sets the routes of a site, and its entry in the table. */
let route;

class Site extends BufferLike {
  #name;
  #routes = NOWHERE;
  #requests = 0; // the routes that are REQUEST, as bits
  #baked = null; // its entry in the table
  #full = 0; // Buffers from Node because the chosen memory was full
  #unfreed = 0; // calls of free() with nothing to free

  constructor(name) {
    super();
    this.#name = name;
  }

  get name() {
    return this.#name;
  }

  // Hot: 20 to 30 instructions more than `(current() ?? Buffer).allocUnsafe`, see
  // bench/instructions.js. Buffer throws for an invalid size.
  allocUnsafe(size) {
    if (
      typeof size === 'number' &&
      size >>> 0 === size &&
      this.#requests << Math.clz32(size - 1) < 0
    ) {
      const arena = current();
      if (arena === undefined) return Buffer.allocUnsafe(size);
      return tryAllocUnsafe(arena, size) ?? super.allocUnsafe(size);
    }
    return super.allocUnsafe(size);
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

  /** Returns a Buffer of the memory that the table chooses; null if that is Node's. */
  [kPlace](size, zero) {
    const to = this.#routes[Math.clz32(size - 1)];
    if (to === HEAP) return null;
    if (to === REQUEST) return perRequest[kPlace](size, zero);
    const buffer = take(to, size, zero);
    if (buffer === null) this.#full++;
    return buffer;
  }

  [kRefused]() {
    this.#full++;
  }

  [kDropped](buffer) {
    freeOnce(buffer);
  }

  /** For a profiler: see base/protocol.js. */
  [kSiteMemory](buffer) {
    return memoryOf(buffer);
  }

  [inspect.custom]() {
    return #name in this ? `Site { '${this.#name}' }` : 'Site {}'; // a Proxy of a Site, or an object that inherits from one
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

  /** `hold`: a hold of the Buffer's arena; null if it is in none. */
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

/** Throws if a value cannot be the name of a site, as tables and reports show it. */
function checkName(name) {
  if (typeof name !== 'string') throw typeError('name', 'of type string', name);
  if (name.length === 0 || name.length > MOST_LETTERS || CONTROL.test(name)) {
    const range = `1 to ${MOST_LETTERS} characters, none of them a control character`;
    throw rangeError('name', range, name);
  }
  return name;
}

showAllocator('site', Site.prototype);

module.exports = { Site, checkName, route };
