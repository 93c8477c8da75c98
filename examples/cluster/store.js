'use strict';

// What the primary has: the encoded bytes of each key, in a Buffer of the slab. Where a pool is full, the entry of that pool
// that was not used for the longest time makes room.

class Store {
  #slab;
  #entries = new Map(); // key → { key, buffer, leases }, the least recently used first
  #onEvict;

  /** Calls onEvict(entry) for each that makes room; its Buffer is free then. */
  constructor(slab, onEvict) {
    this.#slab = slab;
    this.#onEvict = onEvict;
  }

  get size() {
    return this.#entries.size;
  }

  /** The entry of a key, which is the most recently used one now. */
  get(key) {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.touch(entry);
    return entry;
  }

  touch(entry) {
    if (this.#entries.get(entry.key) !== entry) return; // it was deleted
    this.#entries.delete(entry.key);
    this.#entries.set(entry.key, entry);
  }

  set(key, buffer) {
    this.delete(key);
    const entry = { key, buffer, leases: 0 };
    this.#entries.set(key, entry);
    return entry;
  }

  delete(key) {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#slab.free(entry.buffer);
  }

  /** A Buffer with the same bytes; null where there is no slot. */
  copy(entry) {
    const buffer = this.room(entry.buffer.length, entry);
    if (buffer !== null) entry.buffer.copy(buffer);
    return buffer;
  }

  /** A Buffer of `length` bytes, for which any entry but `keep` may go; null where that does not help. */
  room(length, keep) {
    const size = this.#sizeOf(length);
    if (size === undefined) return null;
    for (;;) {
      const buffer = this.#slab.tryAllocUnsafe(length);
      if (buffer !== null) return buffer;
      const victim = this.#victim(size, keep);
      if (victim === null) return null;
      this.delete(victim.key);
      this.#onEvict(victim);
    }
  }

  #sizeOf(length) {
    return this.#slab.sizes.find((size) => size >= length);
  }

  /**
   * Of the pool with slots of `size` bytes. A worker gives back what it has not used for a while, so an entry that is leased is in
   * use, though nobody asks for it here.
   */
  #victim(size, keep) {
    let leased = null;
    for (const entry of this.#entries.values()) {
      if (entry === keep || this.#sizeOf(entry.buffer.length) !== size) continue;
      if (entry.leases === 0) return entry;
      leased ??= entry;
    }
    return leased;
  }

  clear() {
    for (const key of this.#entries.keys()) this.delete(key);
  }
}

module.exports = { Store };
