'use strict';

// Child processes that answer calls over IPC. `Child` is the caller's end, `answerCalls` the
// child's. A child never outlives its parent, however that ends.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { pin } = require('./cpus.js');

const PATIENCE = 60_000;
const LAST_LINES = 12;
const running = new Set();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A child that could not be started, ended, or did not answer. */
class ChildError extends Error {}

/**
 * A command under a limit of memory of its own (RLIMIT_DATA), which needs no rights. The process
 * keeps its id.
 */
const limited = (command, bytes) => [
  'sh',
  '-c',
  `ulimit -d ${Math.floor(bytes / 1024)} && exec "$@"`,
  'sh',
  ...command,
];

class Child {
  #process;
  #calls = new Map();
  #next = 0;
  #printed = '';
  #end = 'has ended';

  /**
   * Starts `script` on the Node at `execPath`, with at most so many `dataBytes` if given; what it
   * prints is shown if it fails.
   */
  constructor(
    script,
    args = [],
    { execPath = process.execPath, execArgv = [], env, dataBytes } = {},
  ) {
    this.name = [script.replace(/^.*[\\/]/, ''), ...args].join(' ');
    const whole = [execPath, ...execArgv, script, ...args];
    const [command, ...words] = dataBytes === undefined ? whole : limited(whole, dataBytes);
    this.#process = spawn(command, words, {
      env: { ...process.env, NODE_ENV: 'production', ...env },
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    running.add(this.#process);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => this.#print(text));
    }
    this.#process.on('message', ({ id, value, error }) => {
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      if (call === undefined) return;
      clearTimeout(call.timer);
      if (error === undefined) call.resolve(value);
      else call.reject(Object.assign(new ChildError(`${this.name}: ${error.text}`), error));
    });
    this.#process.on('error', (err) => {
      running.delete(this.#process);
      this.#fail(`cannot start: ${err.message}`);
    });
    // Not at `close`, which does not come once we have disconnected: what it printed last comes
    // with the pipes' ends.
    const { stdout, stderr } = this.#process;
    const over = Promise.all([stdout, stderr].map((pipe) => once(pipe, 'close')));
    this.#process.on('exit', async (code, signal) => {
      await over;
      running.delete(this.#process);
      this.#end = `ended with ${signal ?? `exit code ${code}`}`;
      this.#fail(this.#end);
    });
  }

  /** Keeps it on these processors from now on; anywhere without any. */
  pin(processors) {
    if (processors && this.#process.pid) pin(this.#process.pid, processors);
  }

  #print(text) {
    const lines = (this.#printed + text).split('\n');
    this.#printed = lines.slice(-LAST_LINES - 1).join('\n');
  }

  #error(why) {
    const printed = this.#printed.trimEnd();
    const last = printed === '' ? '' : `; its last lines:\n${printed.replace(/^/gm, '  | ')}`;
    return new ChildError(`${this.name} ${why}${last}`);
  }

  #fail(why) {
    const error = this.#error(why);
    for (const { reject, timer } of this.#calls.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#calls.clear();
  }

  /** Calls a method of the child; rejects when it throws, dies, or takes too long. */
  call(method, args = {}, patience = PATIENCE) {
    return new Promise((resolve, reject) => {
      if (!running.has(this.#process)) return reject(this.#error(this.#end));
      const id = this.#next++;
      const late = () => reject(this.#error(`does not answer to ${method}`));
      this.#calls.set(id, { resolve, reject, timer: setTimeout(late, patience) });
      // A child that is gone is reported by its `exit`, with what it printed.
      this.#process.send({ id, method, args }, () => {});
    });
  }

  /** Asks the child to exit, and kills it when it does not within a second. */
  async stop() {
    if (!running.has(this.#process)) return;
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 1000);
    if (this.#process.connected) this.#process.disconnect();
    await gone;
    clearTimeout(timer);
  }
}

/** The child's end: answers each call by the method of that name. */
function answerCalls(methods) {
  process.on('SIGINT', () => {}); // a terminal sends it to the whole group; the parent ends its children
  process.on('disconnect', () => process.exit(0));
  process.on('message', async ({ id, method, args }) => {
    try {
      process.send({ id, value: await methods[method](args) });
    } catch (err) {
      // What the system refuses (a port that is taken) is one line; a bug needs its stack.
      process.send({ id, error: { text: err.code ? err.message : err.stack, code: err.code } });
    }
  });
}

module.exports = { Child, ChildError, answerCalls };
