'use strict';

// One stream that is piped to the next. It does what readable.pipe() does, but writes with a callback, in which the memory of the
// chunk goes back: there the sink is done with it, and nobody else has it.

const { isUint8Array } = require('node:util').types;
const time = require('../base/time.js');
const { StreamChunks } = require('./stream-chunks.js');
const { completionCheckOf } = require('./write-completion.js');
const { counts, leave } = require('../memory/foreign.js');
const { release } = require('./release.js');

const prematureClose = (cause) =>
  Object.assign(new Error('Premature close', cause ? { cause } : undefined), {
    code: 'ERR_STREAM_PREMATURE_CLOSE',
  });

// What comes in pieces, as events do, is not watched any more: it takes longer than it saves.
const PIECE = 4 * 1024;
const MANY = 32;

class Link {
  #source;
  #sink;
  #isSmall;
  #isUntouched;
  #chunks; // undefined where Node's pipe() moves them
  #heard;
  #pieces = 0; // in a row
  #pending = 0; // bytes whose callback has not come
  #isOver = false; // the callbacks that still come tell nothing
  #waits = false; // for the sink's drain

  /** `isSmall`: its chunks are not worth that they are watched. */
  constructor(source, sink, isSmall) {
    this.#source = source;
    this.#sink = sink;
    this.#isSmall = isSmall;
  }

  /**
   * Makes stream.pipeline() call begin() instead of the source's pipe(), which it calls only to move the chunks.
   * Returns a function that undoes this, or undefined if it is not possible for the source.
   */
  offer() {
    const source = this.#source;
    if (this.#isSmall) return this.#leave();
    const pipe = (sink, options) => {
      withdraw();
      return sink === this.#sink && this.#begin() ? sink : source.pipe(sink, options);
    };
    const withdraw = () => {
      if (Object.hasOwn(source, 'pipe') && source.pipe === pipe) delete source.pipe;
    };
    if (Object.hasOwn(source, 'pipe')) return undefined;
    const value = { value: pipe, configurable: true, enumerable: true, writable: true };
    return Reflect.defineProperty(source, 'pipe', value) ? withdraw : undefined;
  }

  #begin() {
    const [source, sink] = [this.#source, this.#sink];
    this.#isUntouched = completionCheckOf(sink);
    const chunks = this.#isUntouched && new StreamChunks(source);
    if (!chunks?.any) {
      this.#leave();
      return false;
    }
    counts.links.released++;
    this.#chunks = chunks;
    this.#hear([
      [source, 'data', (chunk) => this.#onData(chunk)],
      [sink, 'drain', () => this.#onDrain()],
      ...this.#ends(),
    ]);
    chunks.watch();
    sink.emit('pipe', source);
    if (sink.writableNeedDrain === true) this.#pause();
    else if (!source._readableState.flowing) source.resume();
    return true;
  }

  /** Node's pipe() moves the chunks. */
  #leave() {
    counts.links.plain++;
    this.#hear(this.#ends());
  }

  #ends() {
    const stop = () => this.#stop();
    return [
      [this.#source, 'end', stop],
      [this.#sink, 'finish', stop],
      [this.#sink, 'close', () => this.#onClose()],
    ];
  }

  #hear(all) {
    this.#heard = all;
    for (const [stream, name, listener] of all) stream.on(name, listener);
  }

  #onData(chunk) {
    if (chunk.length >= PIECE) this.#pieces = 0;
    else if (++this.#pieces === MANY) this.#chunks.end();
    if (this.#write(chunk) === false) this.#pause();
  }

  #write(chunk) {
    const sink = this.#sink;
    if (!isUint8Array(chunk) || !this.#chunks.isOurs(chunk)) return sink.write(chunk);
    const bytes = chunk.byteLength;
    const { socket } = sink; // of a message, which has none when it is over
    if (!this.#isUntouched(false)) {
      leave('seen', bytes);
      return sink.write(chunk);
    }
    this.#pending += bytes;
    return sink.write(chunk, undefined, (error) => this.#onWritten(chunk, bytes, socket, error));
  }

  #onWritten(chunk, bytes, socket, error) {
    if (this.#isOver) return;
    this.#pending -= bytes;
    if (error || this.#sink.destroyed || socket?.destroyed) leave('unwritten', bytes);
    else if (this.#isUntouched(true)) release(chunk);
    else leave('seen', bytes);
  }

  #pause() {
    this.#waits = true;
    this.#source.pause();
  }

  #onDrain() {
    if (!this.#waits) return;
    this.#waits = false;
    this.#source.resume();
  }

  #stop() {
    if (this.#heard === undefined) return;
    for (const [stream, name, listener] of this.#heard) stream.removeListener(name, listener);
    this.#heard = undefined;
    if (this.#chunks === undefined) return; // Node's pipe() moves them
    this.#chunks.end();
    this.#source.pause();
    this.#sink.emit('unpipe', this.#source, { hasUnpiped: false });
  }

  /**
   * Node ends the request of a response, in the place of the response itself: one that has come as a whole, and waits in its buffer, hears nothing
   * then, and pipeline() never settles. Where that was enough the source is destroyed by now.
   */
  #onClose() {
    const [source, sink] = [this.#source, this.#sink];
    this.#stop();
    if (sink.writableFinished !== false) return; // or a stream of the old kind, whose close is its end
    time.setImmediate(() => {
      if (!this.#isOver && !source.destroyed) source.destroy(prematureClose());
    });
  }

  /** The pipeline failed: what was not written is left, for its callback may never come. */
  fail() {
    this.#stop();
    this.#isOver = true;
    leave('unwritten', this.#pending);
    this.#pending = 0;
  }
}

module.exports = { Link, prematureClose };
