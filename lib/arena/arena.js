'use strict';

// The arena: the hot path of allocation, over the window that it has (window.js), with scopes,
// holds and an end.

const { inspect } = require('node:util');
const check = require('../base/validate.js');
const { typeError } = require('../base/errors.js');
const { lazy } = require('../base/lazy.js');
const { FastBuffer } = require('../base/runtime.js');
const { kEndRequest, kOfRequest } = require('../base/protocol.js');
const { finishScopes, runScope } = require('../base/scope.js');
const { showAllocator } = require('../base/allocators.js');
const { arrayBufferOf, fromHeap } = require('../base/views.js');
const { warnOfFallback } = require('../memory/native.js');
const { allocArray } = require('./typed-array.js');
const {
  LIVE,
  UNUSED,
  UNUSED_RELEASED,
  Window,
  dischargeHeap,
  isReleased,
  isStandIn,
  releasedHold,
} = require('./window.js');

const adopting = lazy(() => require('./adopt.js'));
const copying = lazy(() => ({ ...require('./copy.js'), ...require('../base/fill.js') }));
const collecting = lazy(() => require('./collect.js'));
const figures = lazy(() => require('./stats.js'));
const owners = lazy(() => require('./owner.js'));

// The binary is loaded here and not with the pools, because Node aborts if vm's timeout interrupts
// loading it.
warnOfFallback();

const { fill } = Uint8Array.prototype;
const kInternal = Symbol('ralloc.internal'); // also for the arenas of requests (lib/request/request.js)

// Gives lib/request and debug access to private state: ends an arena, and returns its owner, window
// and contents (undefined for another copy's).
const privates = {};

const ESCAPED =
  'The scope returned a Buffer of its own, which is dead now. Return copyOut(buffer), or allocate it from the outer arena';

class Arena {
  #window = UNUSED;
  #owner;
  #outer; // of a scope, the window that it is in; otherwise null

  constructor(options, internal, owner, outer) {
    const own = internal !== kInternal;
    this.#owner = own ? new (owners().ArenaOwner)(options) : owner;
    this.#outer = own ? null : outer;
    if (own) this.#owner.opened(this, this.#used());
  }

  /** The arena's own window, for a method that changes it. */
  #used() {
    if (isStandIn(this.#window)) {
      this.#owner.begin(); // a request may be over, which releases its arena
      this.#window = new Window(this.#owner, false, this.#window.state);
      this.#owner.window = this.#window;
    }
    return this.#window;
  }

  /** Whether a Buffer is one of Node's, of a request that has no window yet. */
  #leaves(size) {
    return this.#window === UNUSED && this.#owner.ofRequest && this.#owner.leavesSmall(size);
  }

  // Hot: 2-4 ns more than `new FastBuffer()`, which costs 11-19. `ab.byteLength` is 0 if a transfer
  // list or a byte stream took the ArrayBuffer; a try/catch around the constructor would cost 10 ns
  // more than reading it.
  allocUnsafe(size) {
    const window = this.#window;
    if (typeof size !== 'number') return this.#used().allocSlow(size, false); // before anything coerces it
    const ab = window.ab;
    const start = window.cursor;
    const next = start + size;
    // `>>>` rejects in one compare what is not an integer, negative, or 4 GiB and more; allocSlow()
    // tells them apart. `0 - size` and not `-size`, because V8 would check for -0: 6 instructions
    // of 325.
    if (size >>> 0 === size && next <= window.end && size !== 0 && ab.byteLength !== 0) {
      const buffer = new FastBuffer(ab, start, size);
      window.cursor = next + ((0 - size) & window.mask);
      return buffer;
    }
    if (this.#leaves(size)) return fromHeap(size, false, false);
    return this.#used().allocSlow(size, false);
  }

  alloc(size, value, encoding) {
    if (value !== undefined) return copying().allocFilled(this, size, value, encoding);
    const window = this.#window;
    if (typeof size !== 'number') return this.#used().allocSlow(size, true);
    const ab = window.ab;
    const start = window.cursor;
    const next = start + size;
    if (size >>> 0 === size && next <= window.end && size !== 0 && ab.byteLength !== 0) {
      const buffer = new FastBuffer(ab, start, size);
      if (start < window.cleanFrom) fill.call(buffer, 0);
      window.cursor = next + ((0 - size) & window.mask);
      return buffer;
    }
    if (this.#leaves(size)) return fromHeap(size, true, false);
    return this.#used().allocSlow(size, true);
  }

  from(value, encoding, length) {
    const utf8 = typeof value === 'string' && (encoding === undefined || encoding === 'utf8');
    const written = utf8 ? this.#window.writeUtf8(value) : null;
    return written ?? copying().from(this, value, encoding, length);
  }

  concat(list, length) {
    return copying().concat(this, list, length);
  }

  collect(source, options) {
    return collecting().collect(() => this.#used(), source, options);
  }

  body(options) {
    return this.#owner.body(() => this.#used(), options, this.#outer !== null);
  }

  chunks(options) {
    return this.#owner.bodyChunks(() => this.#used(), options);
  }

  adopt(buffer) {
    return adopting().adopt(this.#used(), buffer);
  }

  array(Type, length) {
    return allocArray(this, this.#used(), Type, length);
  }

  checkpoint() {
    return this.#used().checkpoint();
  }

  rewind(checkpoint) {
    this.#used().rewind(checkpoint);
  }

  reserve(bytes) {
    this.#used().reserve(bytes);
  }

  scope(fn) {
    check.func(fn, 'fn');
    const window = this.#used();
    isReleased(window); // or throws
    const { pool } = this.#owner;
    pool.check();
    if (pool.unfinished !== null) finishScopes(pool);
    const child = new Arena(undefined, kInternal, this.#owner, window);
    child.#window = new Window(this.#owner, true, window.state);
    const open = () => {
      window.addScope(child.#window);
      return child;
    };
    return runScope(fn, open, (result) => child.#leave(result), pool, ESCAPED);
  }

  /** Ends this scope; returns whether `result` dies with it. */
  #leave(result) {
    const window = this.#window;
    const escapes = this.owns(result);
    if (window.state === LIVE) window.finish('scope', null);
    else dischargeHeap(window, 0); // the scope outlived its request
    this.#outer.scopes?.delete(window);
    return escapes;
  }

  reset() {
    const window = this.#used();
    const released = isReleased(window);
    dischargeHeap(window, 0);
    if (released) return;
    window.resets++;
    if (!window.reuseInPlace()) window.clear('reset', null);
  }

  shrink() {
    if (isReleased(this.#window)) return;
    this.#window.releaseUnused();
    this.#owner.shrink();
  }

  close() {
    const owner = this.#owner;
    owner.begin();
    const outer = this.#outer;
    if (this.#window.state !== LIVE) return;
    if (outer === null) owner.checkClosable();
    this.#used().finish(outer === null ? 'close' : 'scope', null);
    if (outer === null) owner.close();
    else outer.scopes?.delete(this.#window);
  }

  [Symbol.dispose]() {
    this.close();
  }

  hold(promise) {
    const then = promise?.then; // read only once: a getter may do work
    if (promise !== undefined && typeof then !== 'function') {
      throw typeError('promise', 'an instance of Promise', promise);
    }
    this.#owner.begin();
    if (isReleased(this.#window)) return promise ?? releasedHold;
    const holds = this.#used().holding();
    return promise === undefined ? holds.takeFor() : holds.takeUntil(promise, then);
  }

  copyOut(buffer) {
    return copying().toHeap(check.view(buffer, 'buffer'));
  }

  owns(buffer) {
    return ArrayBuffer.isView(buffer) && this.#window.covers(arrayBufferOf(buffer));
  }

  #figures() {
    this.#owner.begin();
    this.#owner.pool.check?.(); // a closed arena has none
    return figures().describeWindow(this.#window);
  }

  stats() {
    return figures().arenaStats(this.#figures(), this.#owner);
  }

  chunkStats() {
    return this.#owner.pool.chunks();
  }

  get [kOfRequest]() {
    return #owner in this && this.#owner.ofRequest; // not in a Proxy of one
  }

  [kEndRequest]() {
    return this.#owner.endNow();
  }

  [inspect.custom]() {
    return #owner in this ? figures().arenaLine(this.#figures(), this.#owner) : 'Arena {}';
  }

  static {
    privates.releaseUnused = (arena) => {
      arena.#window = UNUSED_RELEASED;
    };
    privates.ownerOf = (arena) => (#owner in arena ? arena.#owner : undefined);
    privates.usedWindow = (arena) => (#window in arena ? arena.#used() : undefined);
    privates.windowOf = (arena) => (#window in arena ? arena.#window : undefined);
    privates.describe = (arena) => figures().describeWindow(arena.#window);
    privates.eachWindow = (arena, visit) => arena.#window.each(visit);
    showAllocator('arena', Arena.prototype);
  }
}

module.exports = { Arena, kInternal, ...privates };
