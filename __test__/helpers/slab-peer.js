'use strict';

const { once } = require('node:events');
const { join } = require('node:path');
const { MessageChannel, Worker } = require('node:worker_threads');

/** A worker that takes part in a slab and does what ask() tells it (fixtures/slab/peer.js). */
class Peer {
  constructor(worker) {
    this.worker = worker;
  }

  /** Resolves when it has attached; rejects with the error of that. */
  static async start(handle, options) {
    const file = join(__dirname, '..', 'fixtures', 'slab', 'peer.js');
    const worker = new Worker(file, { workerData: { handle, options } });
    await once(worker, 'message');
    worker.unref(); // a test that fails leaves it, and the process ends
    return new Peer(worker);
  }

  /** The error of a start that should fail, as it arrives from another thread. */
  static refusal(handle) {
    return Peer.start(handle).then(
      () => null,
      ({ code, message }) => ({ code, message }),
    );
  }

  /** The result of a command; its error, as { name, code, message }, where it throws. */
  async ask(what, args = {}) {
    const { port1, port2 } = new MessageChannel();
    const answer = once(port1, 'message');
    this.worker.postMessage({ what, args, port: port2 }, [port2]);
    const [{ value, error }] = await answer;
    port1.close();
    return error ?? value;
  }

  /** Resolves when the thread is gone. */
  terminate() {
    return this.worker.terminate();
  }
}

/** A closed gate, of two words of shared memory: { words, open() }. */
function gate() {
  const words = new Int32Array(new SharedArrayBuffer(8));
  return {
    words,
    open() {
      Atomics.store(words, 0, 1);
      Atomics.notify(words, 0);
    },
  };
}

module.exports = { Peer, gate };
