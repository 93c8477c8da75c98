'use strict';

// The arena: a window (window.js) with scopes, holds and an end.

const { inspect } = require('node:util');
const check = require('../base/validate.js');
const copy = require('./copy.js');
const { RallocError, typeError } = require('../base/errors.js');
const { kOfRequest } = require('../base/protocol.js');
const { runScope } = require('../base/scope.js');
const { kIdle } = require('../memory/idle.js');
const { releasedHold } = require('./epoch.js');
const { ArenaOwner } = require('./owner.js');
const { arenaStats, arenaLine } = require('./stats.js');
const { Window, friend, CLOSED, RELEASED } = require('./window.js');

const kInternal = Symbol('ralloc.internal');

// For request arenas, not of the package: a root arena of an owner, and its end (→ bytes it had handed out).
let makeShell;
let releaseShell;

class Arena extends Window {
  #parent;
  #children = null;
  #resets = 0;
  #reserved = -1; // as #resets at the last reserve(): its window stays in this epoch
  #idled = -1; // as #resets at the last idle tick

  constructor(options, internal, owner, parent) {
    const own = internal !== kInternal;
    super(own ? new ArenaOwner(options) : owner, !own && parent !== null);
    this.#parent = own ? null : parent;
    if (own) friend.owner(this).pool.user = this;
  }

  from(value, encoding) {
    const utf8 = typeof value === 'string' && (encoding === undefined || encoding === 'utf8');
    return (utf8 ? friend.writeUtf8(this, value) : null) ?? copy.from(this, value, encoding);
  }

  concat(list, length) {
    return copy.concat(this, list, length);
  }

  array(Type, length) {
    const width = copy.widthOf(Type);
    check.integer(length, 'length', 0, Math.floor(Number.MAX_SAFE_INTEGER / width));
    const buffer = friend.aligned(this, length * width, width);
    // A heap Buffer can lie anywhere in Node's pool.
    if (buffer.byteOffset % width !== 0) return new Type(length);
    return new Type(buffer.buffer, buffer.byteOffset, length);
  }

  reserve(bytes) {
    super.reserve(bytes);
    this.#reserved = this.#resets;
  }

  scope(fn) {
    check.func(fn, 'fn');
    const dead = friend.isDead(this);
    const child = new Arena(undefined, kInternal, friend.owner(this), this);
    if (dead) friend.end(child, RELEASED);
    this.#children ??= new Set();
    this.#children.add(child);
    return runScope(fn, child, (result) => child.#leave(result));
  }

  /** Ends this scope and gives `result` on, unless it dies with the scope. */
  #leave(result) {
    const escapes = this.owns(result);
    this.#parent.#children?.delete(this);
    if (friend.isLive(this)) this.#finish(CLOSED, true, null);
    if (!escapes) return result;
    throw new RallocError(
      'ERR_RALLOC_ESCAPED',
      'The scope returned a Buffer of its own, which is dead now. Return copyOut(buffer), or allocate it from the outer arena',
    );
  }

  reset() {
    if (friend.isDead(this)) return;
    this.#resets++;
    const owner = friend.owner(this);
    if (owner.heap) owner.resetHeap();
    const scopes = this.#children !== null && this.#children.size > 0;
    if (!scopes && friend.renew(this)) return;
    this.#clear(CLOSED, true, null);
  }

  shrink() {
    if (friend.isDead(this)) return;
    friend.giveBackUnused(this);
    friend.owner(this).shrink();
  }

  /** Called once a second: a window that nothing was handed out of since a reset before goes back. */
  [kIdle]() {
    const idle = this.#resets === this.#idled && this.#reserved !== this.#resets;
    this.#idled = this.#resets;
    if (idle) friend.giveBackUnused(this);
  }

  close() {
    if (!friend.isLive(this)) return;
    const owner = friend.owner(this);
    if (this.#parent === null) owner.checkClosable();
    this.#finish(CLOSED, true, null);
    if (this.#parent === null) owner.close();
    else this.#parent.#children?.delete(this);
  }

  [Symbol.dispose]() {
    this.close();
  }

  hold(promise) {
    if (promise !== undefined && typeof promise?.then !== 'function') {
      throw typeError('promise', 'an instance of Promise', promise);
    }
    if (friend.isDead(this)) return promise ?? releasedHold;
    const epoch = friend.openEpoch(this);
    if (promise === undefined) return epoch.hold();
    epoch.watch(promise);
    return promise;
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
    if (friend.epoch(this)?.spans.some((span) => span.ab === ab)) return true;
    if (this.#children === null) return false;
    for (const child of this.#children) if (child.#covers(ab)) return true;
    return false;
  }

  /** Ends the epoch, and the scopes in it. Not `clean`: operations may still use its bytes. */
  #clear(childState, clean, outer) {
    const epoch = friend.epoch(this);
    // Before the scopes end: what holds `outer` then holds this epoch, and theirs through it.
    if (outer !== null) epoch?.endWith(outer);
    const children = this.#children;
    this.#children = null;
    for (const child of children ?? []) child.#finish(childState, clean, epoch ?? outer);
    friend.clear(this, clean);
  }

  #finish(state, clean, outer) {
    this.#clear(state, clean, outer);
    friend.end(this, state);
  }

  #allocated() {
    let bytes = friend.allocated(this);
    if (this.#children !== null) for (const child of this.#children) bytes += child.#allocated();
    return bytes;
  }

  #describe() {
    const epoch = friend.epoch(this);
    let spans = epoch?.spans.filter((span) => span.ab !== null).length ?? 0;
    let scopes = 0;
    for (const child of this.#children ?? []) {
      const inner = child.#describe();
      spans += inner.spans;
      scopes += 1 + inner.scopes;
    }
    const allocated = this.#allocated();
    const holds = epoch?.holds ?? 0;
    return { live: friend.isLive(this), allocated, spans, scopes, holds, resets: this.#resets };
  }

  stats() {
    return arenaStats(this.#describe(), friend.owner(this));
  }

  chunks() {
    return friend.owner(this).pool.chunks();
  }

  get [kOfRequest]() {
    return friend.owner(this).ofRequest;
  }

  [inspect.custom]() {
    return arenaLine(this.#describe(), friend.owner(this));
  }

  static {
    makeShell = (owner) => new Arena(undefined, kInternal, owner, null);
    releaseShell = (arena, clean) => {
      const allocated = arena.#allocated();
      arena.#finish(RELEASED, clean, null);
      return allocated;
    };
  }
}

module.exports = { Arena, makeShell, releaseShell };
