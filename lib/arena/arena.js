'use strict';

// The arena: the hot path of allocation, over the window that it has (window.js), with scopes, holds and an end.

const { inspect } = require('node:util');
const check = require('../base/validate.js');
const copy = require('./copy.js');
const { typeError } = require('../base/errors.js');
const { allocFilled } = require('../base/fill.js');
const { FastBuffer } = require('../base/runtime.js');
const { kEndRequest, kOfRequest } = require('../base/protocol.js');
const { runScope } = require('../base/scope.js');
const { releasedHold } = require('./epoch.js');
const { ArenaOwner } = require('./owner.js');
const { arenaStats, arenaLine } = require('./stats.js');
const { LIVE, CLOSED, RELEASED, dischargeHeap, isReleased } = require('./life.js');
const { Window } = require('./window.js');

const { fill } = Uint8Array.prototype;
const kInternal = Symbol('ralloc.internal');

const ESCAPED =
  'The scope returned a Buffer of its own, which is dead now. Return copyOut(buffer), or allocate it from the outer arena';

// For request arenas, not of the package: a root arena of an owner, its end (→ bytes it had handed out), its owner
// (undefined for another copy's), and what it has.
let makeRequestArena;
let releaseRequestArena;
let ownerOf;
let describe;

class Arena {
  #window;
  #parent;
  #children = null;

  constructor(options, internal, owner, parent) {
    const own = internal !== kInternal;
    this.#window = new Window(own ? new ArenaOwner(options) : owner, !own && parent !== null);
    this.#parent = own ? null : parent;
    if (own) this.#window.owner.pool.window = this.#window;
  }

  // Hot: 2–4 ns over the bare view, which costs 11–19. A try/catch around the view would cost 10 more than
  // to ask for its byteLength, which is 0 when a transfer list or a byte stream took the ArrayBuffer.
  allocUnsafe(size) {
    const window = this.#window;
    if (typeof size !== 'number') return window.allocSlow(size, false); // before anything coerces it
    const ab = window.ab;
    const start = window.cursor;
    const next = start + size;
    // `>>>` refuses in one compare what is no integer, negative, or 4 GiB and more; allocSlow() sorts them.
    // `0 - size` for padding, since V8 looks whether `-size` is -0: 6 instructions of 325.
    if (size >>> 0 === size && next <= window.end && size !== 0 && ab.byteLength !== 0) {
      const buffer = new FastBuffer(ab, start, size);
      window.cursor = next + ((0 - size) & window.mask);
      return buffer;
    }
    return window.allocSlow(size, false);
  }

  alloc(size, value, encoding) {
    if (value !== undefined) return allocFilled(this, size, value, encoding);
    const window = this.#window;
    if (typeof size !== 'number') return window.allocSlow(size, true);
    const ab = window.ab;
    const start = window.cursor;
    const next = start + size;
    if (size >>> 0 === size && next <= window.end && size !== 0 && ab.byteLength !== 0) {
      const buffer = new FastBuffer(ab, start, size);
      if (start < window.cleanFrom) fill.call(buffer, 0);
      window.cursor = next + ((0 - size) & window.mask);
      return buffer;
    }
    return window.allocSlow(size, true);
  }

  from(value, encoding, length) {
    const utf8 = typeof value === 'string' && (encoding === undefined || encoding === 'utf8');
    return (
      (utf8 ? this.#window.writeUtf8(value) : null) ?? copy.from(this, value, encoding, length)
    );
  }

  concat(list, length) {
    return copy.concat(this, list, length);
  }

  array(Type, length) {
    const width = copy.widthOf(Type);
    check.integer(length, 'length', 0, Math.floor(Number.MAX_SAFE_INTEGER / width));
    const buffer = this.#allocAligned(length * width, width);
    // A heap Buffer can lie anywhere in Node's pool.
    if (buffer.byteOffset % width !== 0) return new Type(length);
    return new Type(buffer.buffer, buffer.byteOffset, length);
  }

  #allocAligned(size, align) {
    const window = this.#window;
    const { ab, cursor } = window;
    window.cursor += -cursor & (align - 1);
    try {
      return this.alloc(size);
    } catch (error) {
      if (window.ab === ab) window.cursor = cursor;
      throw error;
    }
  }

  checkpoint() {
    return this.#window.checkpoint();
  }

  rewind(checkpoint) {
    this.#window.rewind(checkpoint);
  }

  reserve(bytes) {
    this.#window.reserve(bytes);
  }

  scope(fn) {
    check.func(fn, 'fn');
    const released = isReleased(this.#window);
    this.#window.owner.pool.settleCutOff();
    const child = new Arena(undefined, kInternal, this.#window.owner, this);
    if (released) child.#window.state = RELEASED;
    const open = () => {
      this.#children ??= new Set();
      this.#children.add(child);
      return child;
    };
    return runScope(fn, open, (result) => child.#leave(result), this.#window.owner.pool, ESCAPED);
  }

  /** Ends this scope; tells whether `result` dies with it. */
  #leave(result) {
    const escapes = this.owns(result);
    if (this.#window.state === LIVE) this.#finish(CLOSED, true, null);
    else dischargeHeap(this.#window, 0); // a scope that outlived its request
    this.#parent.#children?.delete(this);
    return escapes;
  }

  reset() {
    const released = isReleased(this.#window);
    dischargeHeap(this.#window, 0);
    if (released) return;
    this.#window.resets++;
    const scopes = this.#children !== null && this.#children.size > 0;
    if (!scopes && this.#window.reuseInPlace()) return;
    this.#window.owner.pool.settleCutOff();
    this.#clear(CLOSED, true, null, 'reset');
  }

  shrink() {
    if (isReleased(this.#window)) return;
    const { owner } = this.#window;
    owner.pool.settleCutOff();
    this.#window.releaseUnused();
    owner.shrink();
  }

  close() {
    if (this.#window.state !== LIVE) return;
    const owner = this.#window.owner;
    if (this.#parent === null) owner.checkClosable();
    owner.pool.settleCutOff();
    this.#finish(CLOSED, true, null);
    if (this.#parent === null) owner.close();
    else this.#parent.#children?.delete(this);
  }

  [Symbol.dispose]() {
    this.close();
  }

  hold(promise) {
    const then = promise?.then; // the only reading: a getter may do work
    if (promise !== undefined && typeof then !== 'function') {
      throw typeError('promise', 'an instance of Promise', promise);
    }
    if (isReleased(this.#window)) return promise ?? releasedHold;
    const epoch = this.#window.openEpoch();
    return promise === undefined ? epoch.hold() : epoch.holdUntil(promise, then);
  }

  copyOut(buffer) {
    if (!ArrayBuffer.isView(buffer)) {
      throw typeError('buffer', 'an instance of Buffer, TypedArray, or DataView', buffer);
    }
    return copy.toHeap(buffer);
  }

  owns(buffer) {
    return ArrayBuffer.isView(buffer) && this.#covers(copy.arrayBufferOf(buffer));
  }

  #covers(ab) {
    if (this.#window.epoch?.spans.some((span) => span.ab === ab)) return true;
    if (this.#children === null) return false;
    for (const child of this.#children) if (child.#covers(ab)) return true;
    return false;
  }

  /** Ends the epoch, and the scopes in it. Not `finished`: operations may still use its bytes. */
  #clear(childState, finished, outer, death) {
    const epoch = this.#window.epoch;
    // Before the scopes end: what holds `outer` then holds this epoch, and theirs through it.
    if (outer !== null) epoch?.holdWith(outer);
    for (const child of this.#children ?? []) {
      child.#finish(childState, finished, epoch ?? outer);
      this.#children.delete(child);
    }
    this.#children = null;
    this.#window.clear(finished, death);
  }

  #finish(state, finished, outer) {
    const death = state === RELEASED ? 'response' : this.#parent === null ? 'close' : 'scope';
    this.#clear(state, finished, outer, death);
    this.#window.state = state;
  }

  #allocated() {
    let bytes = this.#window.allocated();
    if (this.#children !== null) for (const child of this.#children) bytes += child.#allocated();
    return bytes;
  }

  #describe() {
    const epoch = this.#window.epoch;
    let spans = epoch?.spans.filter((span) => span.ab !== null).length ?? 0;
    let scopes = 0;
    for (const child of this.#children ?? []) {
      const inner = child.#describe();
      spans += inner.spans;
      scopes += 1 + inner.scopes;
    }
    const { state, resets } = this.#window;
    const [live, allocated, holds] = [state === LIVE, this.#allocated(), epoch?.holds ?? 0];
    return { live, allocated, spans, scopes, holds, resets };
  }

  stats() {
    return arenaStats(this.#describe(), this.#window.owner);
  }

  chunks() {
    return this.#window.owner.pool.chunks();
  }

  get [kOfRequest]() {
    return #window in this && this.#window.owner.ofRequest; // not in a Proxy of one
  }

  [kEndRequest]() {
    return this.#window.owner.endNow();
  }

  [inspect.custom]() {
    if (!(#window in this)) return 'Arena {}'; // a Proxy of one, or its heir
    return arenaLine(this.#describe(), this.#window.owner);
  }

  static {
    makeRequestArena = (owner) => new Arena(undefined, kInternal, owner, null);
    releaseRequestArena = (arena, finished) => {
      const allocated = arena.#allocated();
      arena.#finish(RELEASED, finished, null);
      return allocated;
    };
    ownerOf = (arena) => (#window in arena ? arena.#window.owner : undefined);
    describe = (arena) => arena.#describe();
  }
}

module.exports = { Arena, makeRequestArena, releaseRequestArena, ownerOf, describe };
