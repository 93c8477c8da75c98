'use strict';

// One recorder and one writer for the time that a thread is recorded. What is new is appended every slot; what is alive is added at the end.
// Nothing here may harm the application: a failure ends the session, is reported once, and is never thrown into the application.

const process = require('node:process');
const time = require('../../lib/base/time.js');
const { encode } = require('./lines.js');

/** The length of a slot. A process that is killed loses at most the events of one slot. */
const SLOT_MS = 2000;

const POST_MS = 200; // the least time between blocks that are written because of messages

const toNextSlot = (now) => SLOT_MS - (now % SLOT_MS);

class Session {
  #recorder;
  #writer;
  #onFailure;
  #onOver;
  #onMemory;
  #timer;
  #slot = 0; // the number of the last written slot
  #flushed = 0; // when it was written
  #isOver = false;
  #onExit = () => this.end();

  /**
   * `onFailure(error)` is called at most once, when the session has ended by an error; `onOver()` at its end in any case; `onMemory(bytes)` once a slot, with the
   * bytes of ArrayBuffers.
   */
  constructor(recorder, writer, onFailure, onOver = () => {}, onMemory = () => {}) {
    this.#recorder = recorder;
    this.#writer = writer;
    this.#onFailure = onFailure;
    this.#onOver = onOver;
    this.#onMemory = onMemory;
  }

  /** Throws if the file cannot be written; then nothing is recorded. Writes a block at once, so that even a process that is killed soon has a profile. */
  start() {
    this.#recorder.start();
    try {
      this.#append();
    } catch (error) {
      this.#close();
      throw error;
    }
    // Runs before the application's own listeners, which then find Node's original functions.
    process.prependListener('exit', this.#onExit);
    time.outside(() => this.#schedule());
  }

  /** Called by the recorder after a sample, because no timer fires in a program that never returns to its event loop. */
  onSample() {
    if (Math.floor(time.wall() / SLOT_MS) !== this.#slot) this.flush();
  }

  /**
   * Called before a message is posted. A worker may be terminated once it has answered, or, in a pool, sleep until the next task without any timer
   * firing.
   */
  onPost() {
    if (time.now() - this.#flushed >= POST_MS) this.flush();
  }

  /** Appends what is new. */
  flush() {
    if (this.#isOver) return;
    try {
      this.#append();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Appends what is new and what is alive, and restores Node's functions. A second call does nothing. */
  end() {
    if (this.#isOver) return;
    try {
      this.#append(true);
      this.#close();
    } catch (error) {
      this.#fail(error);
    }
  }

  get isOver() {
    return this.#isOver;
  }

  #append(isLast = false) {
    // Each file must define its sites.
    if (this.#writer.turn()) this.#recorder.tellAgain();
    const block = isLast ? this.#recorder.settle() : this.#recorder.take();
    this.#slot = Math.floor(time.wall() / SLOT_MS);
    this.#flushed = time.now();
    if (block == null) return;
    this.#writer.write(encode(block));
    if (!isLast && block.process !== undefined) this.#onMemory(block.process.arrayBuffers);
  }

  #schedule() {
    if (this.#isOver) return;
    this.#timer = time.setTimeout(() => {
      this.flush();
      this.#schedule();
    }, toNextSlot(time.wall()));
    this.#timer.unref();
  }

  #close() {
    this.#isOver = true;
    process.off('exit', this.#onExit);
    time.clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      this.#recorder.stop();
    } finally {
      this.#writer.close();
      this.#onOver();
    }
  }

  #fail(error) {
    try {
      if (!this.#isOver) this.#close();
    } catch {
      // Only the first failure is reported.
    }
    this.#onFailure(error);
  }
}

module.exports = { SLOT_MS, Session };
