'use strict';

// The option `autoFree`: the garbage collector frees Buffers that are unreachable. A view that was
// made of a Buffer by subarray() or slice() keeps it, and so its block; V8 knows of the ArrayBuffer
// alone, which is that of all blocks of the chunk.

const { FastBuffer, lookLikeBuffers } = require('../base/runtime.js');
const { requestMajor } = require('../memory/gc.js');
const { RegionBuffer } = require('./buffer.js');

/**
 * The registry's value for a Buffer over the block `id`, which is freed if it is still held.
 * `owner`: its AutoFree, once a Buffer has it.
 */
const tokenFor = (id) => ({ id, isHeld: false, owner: null });

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
 * One registry for all regions: up to Node 24, if a registry dies while it still has callbacks to
 * run, V8 calls back no registry of the thread any more, not even Node's own.
 */
const registry = new FinalizationRegistry((token) => {
  if (token.isHeld) token.owner.drop(token);
});

class AutoFree {
  #onDrop;
  #helped = true; // whether the last requested collection has freed a block
  tokenOf = tokenOf;

  /** `onDrop(token)` is called when a Buffer was collected without being freed. */
  constructor(onDrop) {
    this.#onDrop = onDrop;
  }

  drop(token) {
    this.#helped = true;
    this.#onDrop(token);
  }

  /**
   * Called when the region is full. V8 finds dropped Buffers only when it collects, and has no
   * reason to.
   */
  collect() {
    if (requestMajor(this.#helped)) this.#helped = false;
  }

  /**
   * Creates a Buffer that is freed automatically, from the moment when its token says that it is
   * held.
   */
  make(ab, start, size, core, token) {
    const buffer = new AutoBuffer(ab, start, size, core, token);
    token.owner = this;
    registry.register(buffer, token);
    return buffer;
  }
}

module.exports = { AutoFree, tokenFor };
