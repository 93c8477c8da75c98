'use strict';

// The primary: starts the workers, has what they made, and lends it. ../cluster-cache.js shows the messages.

const cluster = require('node:cluster');
const { join, resolve } = require('node:path');
const { Slab } = require('ralloc');
const { Store } = require('./store.js');

const MiB = 2 ** 20;
const SIZES = [2 ** 12, 2 ** 14, 2 ** 16, 2 ** 18, MiB];
const TRANSIT_MS = 1000; // for a Buffer of a worker that has died: it is on its way, or was never sent

/** A slab that the workers inherit, of `bytes` in equal parts for each size. */
function makeSlab(bytes) {
  const count = SIZES.map((size) => Math.max(Math.floor(bytes / SIZES.length / size), 1));
  return Slab.create(null, { sizes: SIZES, count, maxBytes: 2 * bytes, transitMs: TRANSIT_MS });
}

class ClusterCache {
  /** Resolves with the reason if it cannot go on: a worker does not start. */
  failed;
  #fail;
  #settings;
  #workers;
  #purgeMs;
  #slab;
  #ownsSlab;
  #store;
  #members = new Set(); // { worker, leases, drops, isReady, ended }
  #makings = new Map(); // id → { id, key, member, token, askers }
  #current = new Map(); // key → the making of it, if it was not purged since
  #ids = 0;
  #isOpen = true;
  #counts = { made: 0, lent: 0, heap: 0, evicted: 0, purged: 0, restarts: 0 };

  /**
   * `dir`: of the files. `memory`: bytes. `leaseMs`: a worker keeps for so long what it does not use. `purgeMs`: a worker that
   * has not heard of a purge for so long is killed, since it might answer with what is old. `slab`: one of your own, made by
   * create(null), which stays open.
   */
  constructor({ dir, workers = 4, memory = 64 * MiB, leaseMs = 10_000, purgeMs = 5000, slab }) {
    this.failed = new Promise((fail) => {
      this.#fail = fail;
    });
    this.#settings = { dir: resolve(dir), leaseMs };
    this.#workers = workers;
    this.#purgeMs = purgeMs;
    this.#slab = slab ?? makeSlab(memory);
    this.#ownsSlab = slab === undefined;
    this.#store = new Store(this.#slab, (entry) => this.#evicted(entry));
  }

  /** Resolves to the address when all workers listen. */
  async listen(port = 0, host = '127.0.0.1') {
    Object.assign(this.#settings, { port, host });
    const listening = Array.from({ length: this.#workers }, () => this.#start());
    const failed = this.failed.then((error) => Promise.reject(error));
    const [address] = await Promise.race([Promise.all(listening), failed]);
    return address;
  }

  /** Lets the workers answer what they have begun and end, and closes the slab. */
  async close() {
    this.#isOpen = false;
    const members = [...this.#members];
    for (const member of members) this.#tell(member, { what: 'stop' });
    await Promise.all(members.map(({ ended }) => ended));
    this.#store.clear();
    if (this.#ownsSlab) this.#slab.close(); // throws if a Buffer were left
  }

  /** Forgets what was encoded: resolves when no worker begins to answer with it. */
  async purge(key) {
    this.#counts.purged++;
    this.#store.delete(key);
    const making = this.#current.get(key);
    this.#current.delete(key);
    for (const asker of making?.askers.splice(0) ?? []) this.#ask(asker, key);
    await Promise.all(Array.from(this.#members, (member) => this.#drop(member, key)));
  }

  /**
   * How often something was made for all, lent, and not cached for want of room; entries that made room, were purged, and are
   * there; leases; who makes something now (process ids), and how many requests of workers wait for that.
   */
  get stats() {
    const sum = (list, count) => Array.from(list).reduce((total, one) => total + count(one), 0);
    const makings = [...this.#makings.values()];
    return {
      ...this.#counts,
      entries: this.#store.size,
      leased: sum(this.#members, ({ leases }) => leases.size),
      makers: makings.map(({ member }) => member.worker.process.pid),
      waiting: sum(makings, ({ askers }) => askers.length),
      memory: this.#slab.stats(),
    };
  }

  /** The process ids of the workers that listen. */
  get pids() {
    return Array.from(this.#members)
      .filter(({ isReady }) => isReady)
      .map(({ worker }) => worker.process.pid);
  }

  /** Starts a worker: resolves when it listens. */
  #start() {
    const args = [JSON.stringify(this.#settings)];
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc', this.#slab.fd];
    // The kernel hands connections to the workers: one on its way from the primary to a worker that is killed would hang.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    cluster.setupPrimary({ exec: join(__dirname, 'worker.js'), args, stdio });
    const worker = cluster.fork();
    const member = { worker, leases: new Map(), drops: new Map(), isReady: false, ended: null };
    this.#members.add(member);
    worker.on('message', (message) => this.#hear(member, message));
    worker.on('error', () => {}); // of a message to one that has died: its end tells
    // Node has unref'd the channel once the listening socket is sent: the primary might end before it has read its end.
    worker.process.channel.ref();
    // 'close' comes after the exit and the last message. 'disconnect' may never come, where a socket was on its way to it.
    member.ended = new Promise((ended) => worker.process.once('close', ended)).then(() =>
      this.#ended(member),
    );
    return new Promise((listening) => worker.once('listening', listening)).then((address) => {
      member.isReady = true;
      return address;
    });
  }

  #ended(member) {
    this.#members.delete(member);
    for (const [token, entry] of member.leases) this.#takeBack(token, entry);
    for (const leave of member.drops.values()) leave();
    for (const making of this.#makings.values()) {
      if (making.member !== member) continue;
      if (making.token !== null) this.#takeBack(making.token);
      for (const asker of this.#finish(making)) this.#ask(asker, making.key);
    }
    this.#slab.recover();
    if (!this.#isOpen) return;
    if (member.isReady) {
      this.#counts.restarts++;
      this.#start();
    } else this.#fail(new Error('a worker does not start'));
  }

  #hear(member, message) {
    if (!this.#members.has(member)) return;
    const { what, id, key, making } = message;
    if (what === 'ask') this.#ask({ member, id }, key);
    else if (what === 'room') this.#room({ member, id }, this.#makings.get(making), message.length);
    else if (what === 'made') this.#made(this.#makings.get(making), message.token);
    else if (what === 'failed') this.#failed(this.#makings.get(making), message.status);
    else if (what === 'back') this.#back(member, message);
    else if (what === 'purge') this.purge(key).then(() => this.#tell(member, { id }));
    else member.drops.get(id)();
  }

  #tell({ worker }, message) {
    worker.send(message, () => {}); // an error means that it has died: its end tells
  }

  #ask(asker, key) {
    const entry = this.#store.get(key);
    const making = this.#current.get(key);
    if (entry !== undefined) this.#lend(asker, entry);
    else if (making !== undefined) making.askers.push(asker);
    else if (this.#members.has(asker.member)) this.#begin(asker, key);
  }

  #begin({ member, id }, key) {
    const making = { id: ++this.#ids, key, member, token: null, askers: [] };
    this.#makings.set(making.id, making);
    this.#current.set(key, making);
    this.#tell(member, { id, making: making.id });
  }

  #lend({ member, id }, entry) {
    if (!this.#members.has(member)) return; // it has died since it asked
    const buffer = this.#store.copy(entry);
    if (buffer === null) {
      this.#counts.heap++;
      this.#tell(member, { id });
      return;
    }
    this.#counts.lent++;
    entry.leases++;
    const token = this.#slab.send(buffer);
    member.leases.set(token, entry);
    this.#tell(member, { id, token });
  }

  #room({ member, id }, making, length) {
    const isPurged = this.#current.get(making.key) !== making;
    const buffer = isPurged ? null : this.#store.room(length);
    if (buffer !== null) {
      making.token = this.#slab.send(buffer);
      this.#tell(member, { id, token: making.token });
      return;
    }
    if (!isPurged) this.#counts.heap++;
    this.#tell(member, { id, token: null });
    // It would be so for each of them.
    for (const asker of this.#finish(making)) this.#tell(asker.member, { id: asker.id });
  }

  #made(making, token) {
    const isPurged = this.#current.get(making.key) !== making;
    const askers = this.#finish(making);
    const buffer = this.#receive(token);
    this.#counts.made++;
    if (buffer !== null && !isPurged) this.#store.set(making.key, buffer);
    else this.#slab.free(buffer);
    for (const asker of askers) this.#ask(asker, making.key);
  }

  #failed(making, status) {
    for (const { member, id } of this.#finish(making)) this.#tell(member, { id, status });
  }

  /** Ends a making: those who wait for it. */
  #finish(making) {
    this.#makings.delete(making.id);
    if (this.#current.get(making.key) === making) this.#current.delete(making.key);
    return making.askers.splice(0);
  }

  #back(member, { lease, token }) {
    const entry = member.leases.get(lease);
    member.leases.delete(lease);
    entry.leases--;
    this.#store.touch(entry);
    this.#slab.free(this.#receive(token));
  }

  /** What a worker has sent; null if that one is dead for more than TRANSIT_MS, and its slot somebody's else. */
  #receive(token) {
    try {
      return this.#slab.receive(token);
    } catch (error) {
      if (error.code !== 'ERR_RALLOC_STALE_TOKEN') throw error;
      return null;
    }
  }

  /** What a worker that has died had not yet received. */
  #takeBack(token, entry) {
    if (entry !== undefined) entry.leases--;
    try {
      this.#slab.free(this.#slab.revoke(token));
    } catch (error) {
      if (error.code !== 'ERR_RALLOC_STALE_TOKEN') throw error; // it had received it
    }
  }

  /** The copies of an entry that made room go too, when nobody reads them any more. */
  #evicted(entry) {
    this.#counts.evicted++;
    for (const member of this.#members) {
      if ([...member.leases.values()].includes(entry)) this.#tell(member, { drop: entry.key });
    }
  }

  /** Resolves when a worker begins no other response with what it has of a key. */
  #drop(member, key) {
    return new Promise((done) => {
      const id = ++this.#ids;
      const timer = setTimeout(() => member.worker.process.kill('SIGKILL'), this.#purgeMs);
      member.drops.set(id, () => {
        clearTimeout(timer);
        member.drops.delete(id);
        done();
      });
      this.#tell(member, { drop: key, id });
    });
  }
}

module.exports = { ClusterCache };
