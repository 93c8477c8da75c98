'use strict';

// Threads and processes that take part in a slab, and do what ask() tells them: fixtures/slab/peer.js.

const { once } = require('node:events');
const { MessageChannel, Worker } = require('node:worker_threads');
const { Slab } = require('../..');
const { fixturePath, start } = require('./child.js');
const { freshName } = require('./slab-process.js');

/** Of the slabs that pair() makes. */
const OPTIONS = { sizes: [64, 4096], count: [64, 16] };

class Peer {
  /** The result of a command; its error, as { name, code, message, … }, where it throws. */
  async ask(what, args = {}) {
    const { value, error } = await this.send({ what, args });
    return error ?? value;
  }
}

class Thread extends Peer {
  constructor(worker) {
    super();
    this.worker = worker;
    this.exit = once(worker, 'exit');
  }

  /** Resolves when it has attached, if it is given a handle; rejects with the error of that. */
  static async start(handle, options) {
    const workerData = handle && { how: 'attach', from: handle, options };
    const worker = new Worker(fixturePath('slab/peer.js'), { workerData });
    await once(worker, 'message');
    worker.unref(); // a test that fails leaves it, and the process ends
    return new Thread(worker);
  }

  /** The error of a start that should fail, as it arrives from another thread. */
  static refusal(handle) {
    return Thread.start(handle).then(
      () => null,
      ({ code, message }) => ({ code, message }),
    );
  }

  async send(message) {
    const { port1, port2 } = new MessageChannel();
    const answer = once(port1, 'message');
    this.worker.postMessage({ ...message, port: port2 }, [port2]);
    const [value] = await answer;
    port1.close();
    return value;
  }

  /** Resolves when the thread is gone. */
  terminate() {
    return this.worker.terminate();
  }
}

/** It ends with the test. */
class Process extends Peer {
  constructor(t, options = {}) {
    super();
    const { child, ask } = start('slab/peer.js', {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      ...options,
    });
    this.child = child;
    this.pid = child.pid;
    this.exit = once(child, 'exit');
    this.send = ask;
    t.teardown(() => child.kill('SIGKILL'));
  }

  static async opening(t, from, options) {
    const other = new Process(t);
    await other.ask('make', { how: 'open', from, options });
    return other;
  }

  /** Resolves when the process is gone; it is told to by a command, if one is given. */
  async end(what) {
    if (what === undefined) this.child.kill('SIGKILL');
    else this.child.send({ what, args: {} });
    return this.exit;
  }
}

/** A slab, and a process that has it too. */
async function pair(t, options) {
  const name = freshName(t);
  const slab = Slab.create(name, { ...OPTIONS, ...options });
  t.teardown(() => slab.close({ force: true }));
  return { name, slab, other: await Process.opening(t, name, { safety: options?.safety }) };
}

module.exports = { OPTIONS, Process, Thread, pair };
