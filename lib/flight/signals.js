'use strict';

// Most servers end by a signal that they have no listener for, and then Node emits no 'exit'. A
// listener of ours would change the application: with any listener Node does not end, and libraries
// (signal-exit) count them. So a signal is heard by a handle of the kind that stands behind Node's
// own listeners.
//
// While JavaScript runs, a handle hears a signal at the next turn of the event loop only, and a
// program that has nothing left to do ends with its own exit code. So where the binary notes
// signals (src/os/last_word.rs), there is a handle only while the application listens, too, and
// nothing ends by it. Elsewhere, and for who must run JavaScript at the end, there is one only
// while nobody listens; when it hears, the process ends by the signal. What the program sends to
// itself, as its last act after a graceful end, is seen in process.kill(): no turn would follow.

const process = require('node:process');
const { kExit, signalHandles } = require('../base/internals.js');
const time = require('../base/time.js');
const { attempt } = require('../base/attempt.js');
const { Patches } = require('../base/patches.js');

const IS_WINDOWS = process.platform === 'win32';

/**
 * The signals with which people end a process; on Windows those that a console sends: Ctrl+C,
 * Ctrl+Break, and that it is closed.
 */
const SIGNALS = ['SIGINT', IS_WINDOWS ? 'SIGBREAK' : 'SIGTERM', 'SIGHUP'];

/**
 * STATUS_CONTROL_C_EXIT, the code with which Windows ends processes that do not listen. kill()
 * would use another code, or fail.
 */
const CONTROL_C_EXIT = 0xc000013a;

/** Emits no 'exit', which no signal does. The original: an application may replace it later. */
const exitNow = process[kExit];

function endBy(signal) {
  if (IS_WINDOWS) Reflect.apply(exitNow, process, [CONTROL_C_EXIT]);
  else process.kill(process.pid, signal);
}

class Signals {
  /** Signal -> its handle. Not a Map, whose methods the application may have replaced. */
  #handles = { __proto__: null };
  #numbers = require('node:os').constants.signals;
  #Handle;
  #onDeath;
  #noted;
  #patches = new Patches();
  #isStopped = false;

  /**
   * `onDeath(signal)` is called before the process ends by a signal. With `noted`, that is noted by
   * somebody else: `{ note(number), onHeard(signal) }`, called when the application listens to a
   * signal no more, and when it hears one.
   */
  constructor(onDeath, noted) {
    this.#onDeath = onDeath;
    this.#noted = noted;
  }

  /**
   * Begins in the next turn. A program that never returns to its event loop could not receive
   * signals, and must end at once, as without ralloc.
   */
  start() {
    time.setImmediate(() => attempt(() => this.#begin())).unref();
  }

  /**
   * If the application has frozen `process`, listens to no signal: each ends the process as without
   * ralloc.
   */
  #begin() {
    if (this.#isStopped || Object.isFrozen(process)) return;
    this.#Handle = signalHandles();
    if (this.#Handle === undefined) return;
    process.on('newListener', this.#onListener);
    process.on('removeListener', this.#onListenerGone);
    for (const signal of SIGNALS) this.#turn(signal, process.listenerCount(signal) > 0);
    if (this.#noted === undefined) this.#patches.method(process, 'kill', this.#seeKill);
  }

  /** Listens no more. */
  stop() {
    this.#isStopped = true;
    process.off('newListener', this.#onListener);
    process.off('removeListener', this.#onListenerGone);
    this.#patches.restore();
    for (const signal of SIGNALS) this.#unwatch(signal);
  }

  #onListener = (signal) => {
    attempt(() => SIGNALS.includes(signal) && this.#turn(signal, true));
  };

  #onListenerGone = (signal) => {
    attempt(() => {
      if (SIGNALS.includes(signal) && process.listenerCount(signal) === 0)
        this.#turn(signal, false);
    });
  };

  /** `isHeard`: whether the application listens. */
  #turn(signal, isHeard) {
    if (isHeard === (this.#noted !== undefined)) return this.#watch(signal);
    this.#unwatch(signal);
    return this.#noted?.note(this.#numbers[signal]);
  }

  #watch(signal) {
    if (this.#handles[signal] !== undefined) return;
    const handle = new this.#Handle();
    handle.unref();
    handle.onsignal = () => this.#hear(signal);
    if (handle.start(this.#numbers[signal]) !== 0) return handle.close();
    this.#handles[signal] = handle;
  }

  #unwatch(signal) {
    this.#handles[signal]?.close();
    delete this.#handles[signal];
  }

  #seeKill = (kill) => {
    const signals = this;
    return function (...args) {
      const [pid, signal = 'SIGTERM'] = args;
      if (Number(pid) === process.pid)
        attempt(() => {
          const isIt = (name) => signal === name || signal === signals.#numbers[name];
          const sent = SIGNALS.find(isIt);
          if (signals.#handles[sent] !== undefined) signals.#die(sent);
        });
      return Reflect.apply(kill, this, args);
    };
  };

  /** The next such signal ends the process. */
  #die(signal) {
    attempt(() => this.#onDeath(signal));
    this.#unwatch(signal);
  }

  #hear(signal) {
    if (this.#noted !== undefined) return attempt(() => this.#noted.onHeard(signal));
    this.#die(signal);
    return endBy(signal);
  }
}

module.exports = { Signals };
