'use strict';

// One recorder and one writer for the time that a thread is recorded. What is new is appended every
// slot; what is alive is added at the end. Nothing here may harm the application: a failure ends
// the session, is reported once, and is never thrown into the application.

const process = require('node:process');
const { attempt } = require('../../lib/base/attempt.js');
const { RallocError } = require('../../lib/base/errors.js');
const { lazy } = require('../../lib/base/lazy.js');
const { isMainThread } = require('../../lib/base/runtime.js');
const time = require('../../lib/base/time.js');
const { warnNow } = require('../../lib/base/warnings.js');
const { ProgramEnd } = require('../../lib/process/program-end.js');
const { SLOT_MS } = require('./buckets.js');
const { encode, encodeMemory } = require('./block.js');
const { Recorder, isRunning } = require('./recorder.js');
const { Writer, prepare } = require('./writer.js');

const makers = lazy(() => require('../../lib/process/made-by-node.js'));
const growing = lazy(() => require('../../lib/process/growth.js'));
const taking = lazy(() => require('./snapshots.js'));

const POST_MS = 200; // the least time between blocks that are written because of messages

class Session {
  #recorder;
  #writer;
  #onFailure;
  #onOver;
  #snapshots;
  #timer;
  #slot = 0; // the number of the last written slot
  #flushed = 0; // when it was written
  #isAppending = false; // also if that was stopped
  isOver = false;
  #programEnd = new ProgramEnd();
  #growth = isMainThread ? new (growing().Growth)(this.#programEnd) : undefined;
  #onExit = () => this.end(true);

  /**
   * `onFailure(error)` is called at most once, when the session has ended by an error; `onOver()`
   * at its end in any case.
   */
  constructor(recorder, writer, onFailure, onOver, snapshots) {
    this.#recorder = recorder;
    this.#writer = writer;
    this.#onFailure = onFailure;
    this.#onOver = onOver;
    this.#snapshots = snapshots;
  }

  /**
   * Throws if the file cannot be written; then nothing is recorded. Writes a block at once, so that
   * even a process that is killed soon has a profile.
   */
  start() {
    this.#recorder.start();
    makers().install();
    try {
      this.#append();
    } catch (error) {
      this.#close();
      throw error;
    }
    // Runs before the application's own listeners, which then find Node's original functions.
    process.prependListener('exit', this.#onExit);
    time.outside(() => this.#schedule());
    this.#snapshots?.start();
  }

  /**
   * Called by the recorder after a sample, because no timer fires in a program that never returns
   * to its event loop.
   */
  onSample() {
    if (Math.floor(time.wall() / SLOT_MS) !== this.#slot) this.flush();
  }

  /**
   * Called before a message is posted. A worker may be terminated once it has answered, or, in a
   * pool, sleep until the next task without any timer firing.
   */
  onPost() {
    if (time.now() - this.#flushed >= POST_MS) this.flush();
  }

  flush() {
    if (this.isOver) return;
    try {
      this.#append();
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * Appends what is new and what is alive, and restores Node's functions. A second call does
   * nothing.
   */
  end(isExit = false) {
    if (this.isOver) return;
    try {
      attempt(() => this.#growth?.close(isExit)); // before the last block, for which V8 collects
      this.#append(true);
      this.#tellGrowth(isExit);
      this.#close();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Last, since at an exit it has V8 collect, of which the profile must not tell. */
  #tellGrowth(isExit) {
    const growth = attempt(() => this.#growth?.end(isExit));
    if (growth !== undefined) this.#writer.write(encodeMemory({ pid: process.pid, ...growth }));
  }

  #append(isLast = false) {
    // Each file must define its sites; and vm's timeout may have stopped a block before it was
    // written.
    if (this.#writer.turn() || this.#isAppending) this.#recorder.tellAgain();
    this.#isAppending = true;
    const block = isLast ? this.#recorder.settle(this.#programEnd.hasCome) : this.#recorder.take();
    this.#slot = Math.floor(time.wall() / SLOT_MS);
    this.#flushed = time.now();
    if (block != null) this.#writer.write(encode(block));
    this.#isAppending = false;
    if (!isLast && block?.process !== undefined) this.#snapshots?.look(block.process.arrayBuffers);
  }

  #schedule() {
    if (this.isOver) return;
    const left = SLOT_MS - (time.wall() % SLOT_MS);
    this.#timer = time.setTimeout(() => {
      this.flush();
      this.#schedule();
    }, left);
    this.#timer.unref();
  }

  #close() {
    this.isOver = true;
    this.#growth?.stop();
    this.#programEnd.stop();
    makers().uninstall();
    process.off('exit', this.#onExit);
    time.clearTimeout(this.#timer);
    this.#snapshots?.stop();
    try {
      this.#recorder.stop();
    } finally {
      this.#writer.close();
      this.#onOver?.();
    }
  }

  #fail(error) {
    try {
      if (!this.isOver) this.#close();
    } catch {
      // Only the first failure is reported.
    }
    this.#onFailure(error);
  }
}

const runningError = () =>
  new RallocError(
    'ERR_RALLOC_PROFILE_RUNNING',
    'A profiler already records this thread. Stop it first, or start the application without "ralloc profile"',
  );

let latest;

/**
 * Begins a session of this thread. `append`: keep what other threads and processes have written to
 * the file. `writer`: used instead of a file.
 */
function record({ file, append, maxBytes, writer, ...others }, onFailure, onOver) {
  const { snapshotSignal: signal, snapshotAbove: above, ...options } = others;
  if (isRunning()) throw runningError();
  if (writer === undefined && !append) prepare(file, maxBytes);
  const onSample = () => session.onSample();
  const onPost = isMainThread ? undefined : () => session.onPost();
  const recorder = new Recorder({ ...options, onSample, onPost });
  const flush = () => session.flush();
  const asked = { profile: file, signal, above, flush };
  const snapshots = (signal ?? above) && new (taking().Snapshots)(asked);
  const to = writer ?? new Writer(file, maxBytes);
  const session = new Session(recorder, to, onFailure, onOver, snapshots);
  session.start();
  latest = { session, file };
  return session;
}

const latestSession = () => latest;

/**
 * Warns that a recorder ended early. An application may have replaced a function of Node's by one
 * that throws anything.
 */
const warnStopped = (error) =>
  attempt(() => warnNow('RALLOC_PROFILE_STOPPED', { message: error?.message ?? `${error}` }));

module.exports = { Session, latestSession, record, warnStopped };
