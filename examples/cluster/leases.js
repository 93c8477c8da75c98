'use strict';

// A worker's side of the cache: the copies that it was lent, which any number of its responses read at once, and what it has
// asked the primary for. The messages are those of cluster-cache.js.

class Leases {
  #slab;
  #post;
  #encode;
  #leaseMs;
  #timer;
  #leases = new Map(); // key → { key, token, buffer, readers, usedAt, isOver }
  #loads = new Map(); // key → { key, waiters }, of what is asked for; not if it was purged meanwhile
  #calls = new Map(); // id → what to do with the answer
  #ids = 0;

  /**
   * `post(message)` tells the primary; `encode(key)` resolves to bytes, or rejects with an error that has a `status`. What was
   * not used for `leaseMs` goes back.
   */
  constructor({ slab, post, encode, leaseMs }) {
    this.#slab = slab;
    this.#post = post;
    this.#encode = encode;
    this.#leaseMs = leaseMs;
    this.#timer = setInterval(() => this.#sweep(), Math.ceil(leaseMs / 2)).unref();
  }

  /** The number of answers that the primary has not given yet. */
  get waiting() {
    return this.#calls.size;
  }

  /**
   * Resolves to { bytes, from, done }, where done() says that nobody reads them any more; or to { status }. `from`: 'lease' of what
   * this worker had, 'shared' of what it was lent now, 'made' of what it has encoded for all, 'heap' for itself alone.
   */
  get(key) {
    const lease = this.#leases.get(key);
    if (lease !== undefined) return Promise.resolve(this.#use(lease, 'lease'));
    return new Promise((resolve) => {
      const load = this.#loads.get(key) ?? this.#begin(key);
      load.waiters.push(resolve);
    });
  }

  /** Resolves when no worker begins to answer with what was encoded before. */
  purge(key) {
    return new Promise((resolve) => this.#call({ what: 'purge', key }, resolve));
  }

  /**
   * A message of the primary. All that it changes is changed when this returns, and not when a promise says so: of two messages
   * that arrive together the second would come before.
   */
  hear(message) {
    if (message.drop !== undefined) {
      this.#drop(message.drop);
      if (message.id !== undefined) this.#post({ what: 'dropped', id: message.id });
      return;
    }
    const take = this.#calls.get(message.id);
    this.#calls.delete(message.id);
    take(message);
  }

  close() {
    clearInterval(this.#timer);
    for (const { buffer } of this.#leases.values()) this.#slab.free(buffer);
    this.#leases.clear();
  }

  #call(message, take) {
    const id = ++this.#ids;
    this.#calls.set(id, take);
    this.#post({ ...message, id });
  }

  #begin(key) {
    const load = { key, waiters: [] };
    this.#loads.set(key, load);
    this.#call({ what: 'ask', key }, (answer) => this.#arrive(load, answer));
    return load;
  }

  #arrive(load, { token, status, making }) {
    if (token !== undefined) {
      const lease = this.#keep(load.key, token);
      this.#finish(load, () => this.#use(lease, 'shared'));
    } else if (status !== undefined) this.#finish(load, () => ({ status }));
    else this.#make(load, making);
  }

  #finish(load, result) {
    if (this.#loads.get(load.key) === load) this.#loads.delete(load.key);
    for (const resolve of load.waiters) resolve(result());
  }

  /** Encodes it; for all, if the primary has given it a number as `making`. */
  async #make(load, making) {
    let bytes;
    try {
      bytes = await this.#encode(load.key);
    } catch ({ status = 500 }) {
      if (making !== undefined) this.#post({ what: 'failed', making, status });
      this.#finish(load, () => ({ status }));
      return;
    }
    const from = making === undefined ? 'heap' : 'made';
    this.#finish(load, () => ({ bytes, from, done() {} }));
    if (making === undefined) return;
    this.#call({ what: 'room', making, length: bytes.length }, ({ token }) => {
      if (token === null) return;
      const buffer = this.#slab.receive(token);
      bytes.copy(buffer);
      this.#post({ what: 'made', making, token: this.#slab.send(buffer) });
    });
  }

  #keep(key, token) {
    this.#end(this.#leases.get(key));
    const buffer = this.#slab.receive(token);
    const lease = { key, token, buffer, readers: 0, usedAt: performance.now(), isOver: false };
    this.#leases.set(key, lease);
    return lease;
  }

  #use(lease, from) {
    lease.readers++;
    return { bytes: lease.buffer, from, done: () => this.#release(lease) };
  }

  #release(lease) {
    lease.readers--;
    lease.usedAt = performance.now();
    if (lease.isOver) this.#giveBack(lease);
  }

  /** No response that begins later reads it. */
  #end(lease) {
    if (lease === undefined) return;
    this.#leases.delete(lease.key);
    lease.isOver = true;
    this.#giveBack(lease);
  }

  #giveBack({ token, buffer, readers }) {
    if (readers > 0) return;
    this.#post({ what: 'back', lease: token, token: this.#slab.send(buffer) });
  }

  #drop(key) {
    this.#end(this.#leases.get(key));
    this.#loads.delete(key);
  }

  #sweep() {
    const before = performance.now() - this.#leaseMs;
    for (const lease of this.#leases.values()) {
      if (lease.readers === 0 && lease.usedAt < before) this.#end(lease);
    }
  }
}

module.exports = { Leases };
