'use strict';

// Guards chunks that are pushed to a readable stream: they wait in its queue until somebody reads
// it. A queue is known by its length alone (readableLength, in bytes or objects): the end of what
// was put into it, less its length, is how much has left it, by whatever way.

const stream = require('node:stream');
const { afterAwaits, copied } = require('./operation.js');
const { nodeHas, kPipeOnData, kState } = require('../../base/internals.js');
const { destroyRefused } = require('./refused.js');
const { kHolder } = require('../../base/protocol.js');
const { withFirstHold, wrap } = require('../../base/wrap.js');

const { isView } = ArrayBuffer;

const hasStreams = nodeHas('streams');

let waiting = 0; // number of queues with held chunks; while it is 0, streams are not looked at

/**
 * Stream -> its Queue. When a stream is collected, its chunks can no longer be read, so its queue
 * releases them. Until V8 collects it, arenas wait for at most `holdMs`.
 */
const queues = new WeakMap();
const forgotten = new FinalizationRegistry((queue) => queue.drop());

class Queue {
  #waits = []; // { until, end }: from the front of the queue to its back
  #back = 0; // the position of its back; only differences matter
  #list = undefined; // ends the hold of the chunks that its source has not pushed yet: see list.js
  #kept = null; // chunks that have left it for a list of all chunks: see collect.js
  isHolding = false;

  #begins() {
    if (this.isHolding) return;
    wrapEnds();
    this.isHolding = true;
    waiting++;
  }

  /** Called when a chunk of `size` was added at the back. `end`: undefined if it needs no hold. */
  pushed(size, end) {
    this.#back += size;
    if (end === undefined) return;
    this.#begins();
    this.#waits.push({ until: this.#back, end });
  }

  /**
   * Called when a chunk of `size` was added at the front, which makes the queue's length `length`.
   */
  unshifted(size, length, end) {
    this.#begins();
    this.#waits.unshift({ until: this.#back - length + size, end });
  }

  /** Calls `end` when the source has pushed its last chunk. */
  lists(end) {
    this.#begins();
    this.#list = end;
  }

  endsList() {
    const end = this.#list;
    this.#list = undefined;
    end?.();
    this.#settles();
  }

  /**
   * Releases the chunks that have left the queue. Not at once: code that gets a chunk by a promise,
   * as from an async iterator, has not begun the operation that holds it next.
   */
  left(length) {
    const waits = this.#waits;
    const front = this.#back - length;
    const left = length === 0 ? waits.length : waits.findIndex(({ until }) => until > front);
    if (left === 0) return;
    const gone = waits.splice(0, left === -1 ? waits.length : left);
    this.#settles();
    if (this.#kept !== null) for (const one of gone) this.#kept.push(one);
    else afterAwaits(() => endAll(gone));
  }

  /** Holds the chunks that leave from now on. Returns the function that releases them. */
  keeps() {
    const kept = [];
    this.#kept ??= kept;
    return () => {
      if (this.#kept === kept) this.#kept = null;
      endAll(kept);
    };
  }

  #settles() {
    if (!this.isHolding || this.#waits.length > 0 || this.#list !== undefined) return;
    this.isHolding = false;
    waiting--;
  }

  /** Called when no chunk will be read any more, or all were copied. */
  clear() {
    endAll(this.#waits.splice(0));
    this.#settles();
  }

  drop() {
    this.clear();
    this.endsList();
  }
}

function endAll(waits) {
  for (const { end } of waits) end();
}

/**
 * Of a state's `pipeOnData`, so that the only sink of a pipe gets what waits by its write(), which
 * holds it, and not from Node 26.12 by _write().
 */
const BY_WRITE = { __proto__: null, get: () => null, set() {} };

/** Returns the Queue of `readable`; creates it at the first call. */
function queueOf(readable) {
  let queue = queues.get(readable);
  if (queue !== undefined) return queue;
  const state = readable[kState];
  if (state?.[kPipeOnData] !== undefined) Object.defineProperty(state, kPipeOnData, BY_WRITE);
  queue = new Queue();
  queues.set(readable, queue);
  forgotten.register(readable, queue);
  return queue;
}

/** Whether a chunk is passed on at once to the listeners of 'data'. The condition is Node's. */
function isPassedOn(readable, state) {
  return state.flowing && state.length === 0 && !state.sync && readable.listenerCount('data') > 0;
}

/** Whether pushed chunks become strings. */
const isDecoded = (readable) => readable.readableEncoding !== null && !readable.readableObjectMode;

/** Adds a chunk to the queue with `put`, Node's push() or unshift(). */
function putHeld(put, isFront, readable, holder, chunk, encoding) {
  const state = readable?.[kState];
  if (state === undefined && hasStreams) return put.call(readable, chunk, encoding); // no stream: Node throws
  let end;
  try {
    end = holder.take(chunk, 'stream');
  } catch (error) {
    destroyRefused(readable, error); // chunks are pushed in callbacks, where throwing would end the process
    return false;
  }
  if (!hasStreams) {
    const copy = copied(chunk, 'stream');
    end();
    return put.call(readable, copy, encoding);
  }
  const leaves = isPassedOn(readable, state) || (!isFront && isDecoded(readable));
  const before = state.length;
  try {
    return put.call(readable, chunk, encoding);
  } finally {
    const { length } = state;
    const size = length - before;
    if (leaves || size <= 0) {
      end(); // it was passed on, or not accepted
    } else if (isFront) queueOf(readable).unshifted(size, length, end);
    else queueOf(readable).pushed(size, end);
  }
}

function pushOther(push, readable, chunk, encoding) {
  const queue = queues.get(readable);
  if (queue === undefined || !queue.isHolding) return push.call(readable, chunk, encoding);
  const state = readable[kState];
  if (chunk === null) queue.endsList();
  if (!hasStreams || isPassedOn(readable, state)) return push.call(readable, chunk, encoding);
  const before = state.length;
  const more = push.call(readable, chunk, encoding);
  if (state.length > before) queue.pushed(state.length - before);
  return more;
}

// Hot: called for each chunk that a socket receives. 12 ns for a plain Buffer.
const makePush = (push) =>
  function (chunk, encoding) {
    const holder = isView(chunk) ? chunk.buffer[kHolder] : undefined;
    if (holder !== undefined) return putHeld(push, false, this, holder, chunk, encoding);
    return waiting === 0
      ? push.call(this, chunk, encoding)
      : pushOther(push, this, chunk, encoding);
  };

const makeUnshift = (unshift) =>
  function (chunk, encoding) {
    const holder = isView(chunk) ? chunk.buffer[kHolder] : undefined;
    return holder === undefined
      ? unshift.call(this, chunk, encoding)
      : putHeld(unshift, true, this, holder, chunk, encoding);
  };

// Hot. Looks at the queue after Node's own function has run. By then, the next holder of the chunk
// has begun its operation: a listener of 'data', or the stream that this one is piped to.
const makeRead = (read) =>
  function (n) {
    return waiting === 0 ? read.call(this, n) : readHeld(read, this, n);
  };

function readHeld(read, readable, n) {
  const queue = queues.get(readable);
  if (queue === undefined || !queue.isHolding) return read.call(readable, n);
  try {
    return read.call(readable, n);
  } finally {
    queue.left(readable.readableLength);
  }
}

const makeDestroy = (destroy) =>
  function (error, callback) {
    if (waiting === 0) return destroy.call(this, error, callback);
    const queue = queues.get(this);
    try {
      return destroy.call(this, error, callback);
    } finally {
      queue?.drop();
    }
  };

/** setEncoding() turns all chunks in the queue into strings. */
const makeSetEncoding = (setEncoding) =>
  function (encoding) {
    const queue = queues.get(this);
    const readable = setEncoding.call(this, encoding);
    queue?.clear();
    return readable;
  };

// Duplex has a copy of Writable's destroy().
const wrapEnds = withFirstHold('stream', () => {
  const { prototype } = stream.Readable;
  wrap(prototype, 'read', makeRead);
  wrap(prototype, 'setEncoding', makeSetEncoding);
  for (const one of [prototype, stream.Duplex.prototype]) wrap(one, 'destroy', makeDestroy);
});

function guardReadables() {
  const { prototype } = stream.Readable;
  wrap(prototype, 'push', makePush);
  wrap(prototype, 'unshift', makeUnshift);
}

module.exports = { guardReadables, queueOf };
