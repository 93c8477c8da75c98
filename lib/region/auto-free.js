'use strict';

// The option `autoFree`: the garbage collector frees Buffers that are unreachable. A view that was made of a Buffer by
// subarray() or slice() keeps it, and so its block; V8 knows of the ArrayBuffer alone, which is that of all blocks of the chunk.

const { FastBuffer, lookLikeBuffers } = require('../base/runtime.js');
const { requestMajor } = require('../memory/gc.js');
const { RegionBuffer } = require('./buffer.js');

/** What freed its block, if nothing else did before. */
class Token {
  isHeld = false;
  owner = null; // its AutoFree, once a Buffer has it

  constructor(id) {
    this.id = id;
  }
}

class KeepingView extends FastBuffer {
  #whole;

  constructor(view, whole) {
    super(view.buffer, view.byteOffset, view.length);
    this.#whole = whole;
  }

  subarray(start, end) {
    return new KeepingView(super.subarray(start, end), this.#whole);
  }

  slice(start, end) {
    return new KeepingView(super.subarray(start, end), this.#whole);
  }
}

let tokenOf;

class AutoBuffer extends RegionBuffer {
  #token;

  constructor(ab, start, size, core, token) {
    super(ab, start, size, core, token.id);
    this.#token = token;
  }

  subarray(start, end) {
    return new KeepingView(super.subarray(start, end), this);
  }

  slice(start, end) {
    return new KeepingView(super.subarray(start, end), this);
  }

  static {
    tokenOf = (buffer) => (#token in buffer ? buffer.#token : undefined);
  }
}

lookLikeBuffers(KeepingView.prototype);
lookLikeBuffers(AutoBuffer.prototype);

/**
 * One for all regions: up to Node 24 V8 tells no registry of the thread anything any more, Node's own included, once one has died that there was something
 * to tell.
 */
const registry = new FinalizationRegistry((token) => {
  if (token.isHeld) token.owner.drop(token);
});

class AutoFree {
  #onDrop;
  #helped = true; // something was dropped since a collection was asked for

  /** `onDrop(token)`: nobody has the Buffer any more, and nobody has freed it. */
  constructor(onDrop) {
    this.#onDrop = onDrop;
  }

  drop(token) {
    this.#helped = true;
    this.#onDrop(token);
  }

  /** The region is full. V8 hears of dropped Buffers when it collects, for which it has no cause. */
  collect() {
    if (requestMajor(this.#helped)) this.#helped = false;
  }

  /** A Buffer that is freed by itself once its token says that it is held. */
  make(ab, start, size, core, token) {
    const buffer = new AutoBuffer(ab, start, size, core, token);
    token.owner = this;
    registry.register(buffer, token);
    return buffer;
  }

  tokenOf(buffer) {
    return tokenOf(buffer);
  }
}

module.exports = { AutoFree, Token };
