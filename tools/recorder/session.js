'use strict';

// One recorder and one writer, for as long as a thread is recorded: what is new is appended every slot, what is alive is told at the end.
// Nothing here may harm the application: what fails ends the session, is told once, and is not thrown into it.

const process = require('node:process');
const time = require('../../lib/base/time.js');
const { encode } = require('./lines.js');

/** Of a slot. A process that is killed loses at most as much. */
const SLOT_MS = 2000;

const POST_MS = 200; // between two blocks at messages, at least

const toNextSlot = (now) => SLOT_MS - (now % SLOT_MS);

class Session {
  #recorder;
  #writer;
  #onFailure;
  #onOver;
  #onMemory;
  #timer;
  #slot = 0; // the number of the last one that was written
  #flushed = 0; // when
  #isOver = false;
  #onExit = () => this.end();

  /**
   * `onFailure(error)` is called at most once; the session is over then. `onOver()` is called at its end, whatever that is, and `onMemory(bytes)` once a slot, with
   * what ArrayBuffers take.
   */
  constructor(recorder, writer, onFailure, onOver = () => {}, onMemory = () => {}) {
    this.#recorder = recorder;
    this.#writer = writer;
    this.#onFailure = onFailure;
    this.#onOver = onOver;
    this.#onMemory = onMemory;
  }

  /** Throws when the file cannot be written: nothing is recorded then. The first block makes a profile of a process that is killed at once. */
  start() {
    this.#recorder.start();
    try {
      this.#append();
    } catch (error) {
      this.#close();
      throw error;
    }
    // Before the application's own listeners: they find everything as it was.
    process.prependListener('exit', this.#onExit);
    time.outside(() => this.#schedule());
  }

  /** The recorder calls it after a sample: in a program that never comes back to its event loop no timer fires. */
  onSample() {
    if (Math.floor(time.wall() / SLOT_MS) !== this.#slot) this.flush();
  }

  /**
   * The same before it posts a message. Workers are terminated with their answer, and tell no more then; a pool's sleep till the next task, and no timer
   * of theirs fires.
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

  /** Appends what is new and what is alive, and puts everything back as it was. Idempotent. */
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
    // Each file is to say what its sites are.
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
      // The first failure is the one to tell.
    }
    this.#onFailure(error);
  }
}

module.exports = { SLOT_MS, Session };
