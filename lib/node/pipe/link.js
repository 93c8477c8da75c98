'use strict';

// One step of pump(): pipes a stream to the next. It does what readable.pipe() does, but writes
// with a callback, which frees the chunk.

const time = require('../../base/time.js');
const { Handover } = require('./handover.js');
const { StreamChunks, hasReaders } = require('../stream-chunks.js');
const { completionCheckOf, isKnownSink } = require('../write-completion.js');
const { counts } = require('../../memory/foreign.js');

const prematureClose = (cause) =>
  Object.assign(new Error('Premature close', cause ? { cause } : undefined), {
    code: 'ERR_STREAM_PREMATURE_CLOSE',
  });

class Link {
  #source;
  #sink;
  #isSmall;
  #chunks; // undefined if Node's pipe() moves them
  #handover;
  #heard;
  #hasFailed = false;
  #waits = false; // whether it waits for the sink's 'drain'

  /** `isSmall`: there are so few bytes that watching the chunks is not worth it. */
  constructor(source, sink, isSmall) {
    this.#source = source;
    this.#sink = sink;
    this.#isSmall = isSmall;
  }

  /**
   * Makes stream.pipeline() call begin() instead of the source's pipe(), which it calls only to
   * move the chunks. Returns a function that undoes this, or undefined if it is not possible for
   * the source.
   */
  offer() {
    const source = this.#source;
    if (this.#isSmall) return this.#leave('small');
    const pipe = (sink, options) => {
      withdraw();
      return sink === this.#sink && this.#begin() ? sink : source.pipe(sink, options);
    };
    const withdraw = () => {
      // A Proxy may give another function than it has.
      if (Object.getOwnPropertyDescriptor(source, 'pipe')?.value === pipe) delete source.pipe;
    };
    if (Object.hasOwn(source, 'pipe')) return undefined;
    const value = { value: pipe, configurable: true, enumerable: true, writable: true };
    return Reflect.defineProperty(source, 'pipe', value) ? withdraw : undefined;
  }

  #begin() {
    const [source, sink] = [this.#source, this.#sink];
    const isUntouched = completionCheckOf(sink);
    const chunks = isUntouched && new StreamChunks(source);
    if (chunks === undefined) this.#leave(isKnownSink(sink) ? 'patched' : 'sink');
    else if (hasReaders(source) || chunks.isSeen) this.#leave('readers');
    else if (!chunks.any) this.#leave('source');
    if (this.#heard !== undefined) return false;
    counts.links.released++;
    this.#chunks = chunks;
    this.#handover = new Handover(sink, isUntouched, chunks);
    const onData = (chunk) => this.#onData(chunk);
    const stop = () => this.stop();
    this.#hear([
      [source, 'data', onData],
      [sink, 'drain', () => this.#onDrain()],
      [source, 'end', stop],
      [sink, 'finish', stop],
      this.#closing(),
    ]);
    chunks.watch(onData);
    sink.emit('pipe', source);
    if (sink.writableNeedDrain === true) this.#pause();
    else if (!source.readableFlowing) source.resume();
    return true;
  }

  /** Leaves the chunks to Node's pipe(). `why`: a name in the counts. */
  #leave(why) {
    counts.links.plain++;
    counts.links.why[why]++;
    this.#hear([this.#closing()]);
  }

  #closing() {
    return [this.#sink, 'close', () => this.#onClose()];
  }

  #hear(all) {
    this.#heard = all;
    for (const [stream, name, listener] of all) stream.on(name, listener);
  }

  #onData(chunk) {
    const sink = this.#sink;
    const callback = this.#handover.callbackOf(chunk);
    const goesOn =
      callback === undefined ? sink.write(chunk) : sink.write(chunk, undefined, callback);
    if (goesOn === false) this.#pause();
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

  /** Called when the source has ended, or nothing more can be written. */
  stop() {
    if (this.#heard === undefined) return;
    for (const [stream, name, listener] of this.#heard) stream.removeListener(name, listener);
    this.#heard = undefined;
    if (this.#chunks === undefined) return; // Node's pipe() moves them
    this.#chunks.end();
    this.#source.pause();
    this.#sink.emit('unpipe', this.#source, { hasUnpiped: false });
  }

  /**
   * When a client's response is destroyed, Node destroys its request instead: a response that has
   * arrived completely and waits in its buffer emits nothing then, and pipeline() never settles. So
   * this destroys the source, unless that has already happened.
   */
  #onClose() {
    const [source, sink] = [this.#source, this.#sink];
    this.stop();
    if (source.readableEnded) return;
    if (sink.writableFinished !== false) return; // finished, or an old-style stream, whose `close` is its end
    time.setImmediate(() => {
      if (!this.#hasFailed && !source.destroyed) source.destroy(prematureClose());
    });
  }

  /** Called when the pipeline has failed. */
  fail() {
    this.stop();
    this.#hasFailed = true;
    this.#handover?.fail();
  }
}

module.exports = { Link, prematureClose };
