'use strict';

// Guards chunks that are pushed to a readable stream: they wait in its queue until somebody reads it. A queue is known by its length alone (readableLength, in
// bytes or objects): the end of what was put into it, less its length, is how much has left it, by whatever way.

const stream = require('node:stream');
const { afterAwaits, isHeard } = require('./operation.js');
const { kHolder } = require('../../base/protocol.js');
const { withFirstHold, wrap } = require('../../base/wrap.js');

const { isView } = ArrayBuffer;

let waiting = 0; // queues that hold something: while there are none, nothing is asked of any stream

/**
 * The queue that `stream` is known to have. A stream that nobody has any more is read by nobody: it lets go of what it
 * holds. Until V8 finds that, arenas wait for `holdMs` at most.
 */
const queues = new WeakMap();
const forgotten = new FinalizationRegistry((queue) => queue.drop());

const lengthOf = (readable) => readable._readableState.length;

class Queue {
  #waits = []; // { until, end }: from the front of the queue to its back
  #back = 0; // where its end is, from anywhere: differences count
  #list = undefined; // the end of what its source still has to push: see list.js
  #kept = null; // what has left it for a list that somebody makes of all: see collect.js
  isHolding = false;

  #begins() {
    if (this.isHolding) return;
    wrapEnds();
    this.isHolding = true;
    waiting++;
  }

  /** `size` more at the back; `end` undefined: nothing that needs to be held. */
  pushed(size, end) {
    this.#back += size;
    if (end === undefined) return;
    this.#begins();
    this.#waits.push({ until: this.#back, end });
  }

  /** `size` more at the front, of `length` now; the back is where it was. */
  unshifted(size, length, end) {
    this.#begins();
    this.#waits.unshift({ until: this.#back - length + size, end });
  }

  /** `end` is called when the source has pushed its last. */
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
   * What has left holds no more: not at once, for who gets it by a promise, as an async iterator does, has not yet begun
   * what holds it then.
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

  /** From now on what leaves is held until end(), which is returned. */
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

  /** Nothing of it will be read, or all was copied. */
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

/** The queue of `readable`, which from now on is known. */
function queueOf(readable) {
  let queue = queues.get(readable);
  if (queue !== undefined) return queue;
  queue = new Queue();
  queues.set(readable, queue);
  forgotten.register(readable, queue);
  return queue;
}

/** Whether a chunk is passed on at once: Node's condition, which calls the listeners of 'data' then. */
function isPassedOn(readable, state) {
  return state.flowing && state.length === 0 && !state.sync && readable.listenerCount('data') > 0;
}

/**
 * Node's way with a chunk that is none. It is pushed in a callback, where to throw would end the process; so would an 'error' that
 * nobody hears.
 */
function refuse(readable, error) {
  if (!isHeard(readable)) throw error;
  readable.destroy(error);
  return false;
}

/** Whether what is pushed becomes a string. */
const isDecoded = (readable) => readable.readableEncoding !== null && !readable.readableObjectMode;

/** Puts a chunk into the queue by `put`, which is push() or unshift() of Node. */
function putHeld(put, isFront, readable, holder, chunk, encoding) {
  const state = readable?._readableState;
  if (state === undefined) return put.call(readable, chunk, encoding);
  let end;
  try {
    end = holder.take(chunk, 'stream');
  } catch (error) {
    return refuse(readable, error);
  }
  const leaves = isPassedOn(readable, state) || (!isFront && isDecoded(readable));
  const before = state.length;
  try {
    return put.call(readable, chunk, encoding);
  } finally {
    const { length } = state;
    const size = length - before;
    if (leaves || size <= 0) {
      end(); // it was passed on, or not taken
    } else if (isFront) queueOf(readable).unshifted(size, length, end);
    else queueOf(readable).pushed(size, end);
  }
}

function pushOther(push, readable, chunk, encoding) {
  const queue = queues.get(readable);
  if (queue === undefined || !queue.isHolding) return push.call(readable, chunk, encoding);
  const state = readable._readableState;
  if (chunk === null) queue.endsList();
  if (isPassedOn(readable, state)) return push.call(readable, chunk, encoding);
  const before = state.length;
  const more = push.call(readable, chunk, encoding);
  if (state.length > before) queue.pushed(state.length - before);
  return more;
}

// Hot: what a socket receives comes here. 12 ns for a plain Buffer.
const makePush = (push) =>
  function (chunk, encoding) {
    if (isView(chunk)) {
      const holder = chunk.buffer[kHolder];
      if (holder !== undefined) return putHeld(push, false, this, holder, chunk, encoding);
    }
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

// Hot. Looks at the queue after Node's own has run: a listener of 'data', or the stream that it is piped to, has begun
// what holds the chunk from there on.
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
    queue.left(lengthOf(readable));
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

/** Makes strings of all that is in the queue. */
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
