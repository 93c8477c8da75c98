'use strict';

const { once } = require('node:events');
const { join } = require('node:path');
const { Worker } = require('node:worker_threads');

const MOST_STARTS = 5; // without a single frame done between them

/**
 * A stage of the pipeline: a worker, and another one when that dies. Calls `onDone(seq, token, result)` for each
 * frame, `onLost(seq, token, error)` for those that the worker had not answered when it died, or that it did
 * not get; and `onFailed(error)` when workers die before they do anything.
 */
class Stage {
  restarts = 0;
  #file;
  #handle;
  #events;
  #worker = null;
  #pending = new Map(); // seq → its token, of frames that the worker has or will have
  #starts = 0;
  #isOpen = true;

  constructor(file, handle, events) {
    this.#file = file;
    this.#handle = handle;
    this.#events = events;
    this.#start();
  }

  get worker() {
    return this.#worker;
  }

  push(seq, token) {
    this.#pending.set(seq, token);
    this.#worker.postMessage({ seq, token });
  }

  async close() {
    this.#isOpen = false;
    if (this.#worker === null) return;
    const exit = once(this.#worker, 'exit');
    this.#worker.terminate();
    await exit;
  }

  #start() {
    this.#starts++;
    const workerData = { handle: this.#handle, file: this.#file };
    const worker = new Worker(join(__dirname, 'worker.js'), { workerData });
    let reason = null;
    worker.on('message', (answer) => this.#answer(answer));
    worker.on('error', (error) => {
      reason = error;
    });
    worker.on('exit', (code) => {
      this.#worker = null;
      if (this.#isOpen) this.#again(reason ?? new Error(`the worker ended with the code ${code}`));
    });
    this.#worker = worker;
  }

  #answer({ seq, token, result, isLost }) {
    const had = this.#pending.get(seq);
    this.#pending.delete(seq);
    this.#starts = 0;
    if (isLost) this.#events.onLost(seq, had, null);
    else this.#events.onDone(seq, token, result);
  }

  #again(error) {
    if (this.#starts === MOST_STARTS) {
      this.#events.onFailed(error);
      return;
    }
    this.restarts++;
    this.#start();
    const lost = [...this.#pending];
    this.#pending.clear();
    for (const [seq, token] of lost) this.#events.onLost(seq, token, error);
  }
}

module.exports = { Stage };
