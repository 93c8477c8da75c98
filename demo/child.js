'use strict';

// Child processes that answer calls over IPC. `Child` is the caller's end, `answerCalls` the
// child's. A child never outlives its parent, however that ends.

const { fork } = require('node:child_process');

const PATIENCE = 60_000;
const running = new Set();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

class Child {
  #process;
  #calls = new Map();
  #next = 0;

  /** Starts `script` on the Node at `execPath`; what it prints goes to our stderr. */
  constructor(script, args = [], { execPath = process.execPath, execArgv = [] } = {}) {
    this.#process = fork(script, args, {
      execPath,
      execArgv,
      env: { ...process.env, NODE_ENV: 'production' },
      serialization: 'advanced',
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    running.add(this.#process);
    this.#process.on('message', ({ id, value, error }) => {
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      clearTimeout(call.timer);
      if (error === undefined) call.resolve(value);
      else call.reject(new Error(error));
    });
    this.#process.on('error', (err) => this.#fail(`cannot start: ${err.message}`));
    this.#process.on('exit', (code, signal) => {
      running.delete(this.#process);
      this.#fail(`ended with ${signal ?? `exit code ${code}`}`);
    });
    this.name = [script.replace(/^.*[\\/]/, ''), ...args].join(' ');
  }

  #fail(why) {
    for (const { reject, timer } of this.#calls.values()) {
      clearTimeout(timer);
      reject(new Error(`${this.name} ${why}`));
    }
    this.#calls.clear();
  }

  /** Calls a method of the child; rejects when it throws, dies, or takes too long. */
  call(method, args = {}, patience = PATIENCE) {
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      const late = () => reject(new Error(`${this.name}: no answer to ${method}`));
      this.#calls.set(id, { resolve, reject, timer: setTimeout(late, patience) });
      this.#process.send({ id, method, args }, (err) => {
        if (err) this.#fail(`cannot be reached: ${err.message}`);
      });
    });
  }

  /** Asks the child to exit, and kills it when it does not within a second. */
  async stop() {
    if (!running.has(this.#process)) return;
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 1000);
    this.#process.disconnect();
    await gone;
    clearTimeout(timer);
  }
}

/** The child's end: answers each call by the method of that name. */
function answerCalls(methods) {
  process.on('disconnect', () => process.exit(0));
  process.on('message', async ({ id, method, args }) => {
    try {
      process.send({ id, value: await methods[method](args) });
    } catch (err) {
      process.send({ id, error: err.stack });
    }
  });
}

module.exports = { Child, answerCalls };
