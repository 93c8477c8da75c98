'use strict';

// The claims on a chunk of a region. A block that is freed while an operation uses it is free when
// none does any more.

const { Claim, Claims } = require('../memory/claims.js');
const { deathOf, takeBack } = require('./buffer.js');

const PAGE = 4096; // bytes

/** Divides, because a shift would cut offsets of more than 32 bits. */
const pageOf = (byte) => Math.floor(byte / PAGE);

class ChunkClaims extends Claims {
  #chunk;
  #all = new Set();
  #inPage = null; // the number of claims on each page: for most frees it is 0, which is all they need to know

  constructor(core, chunk) {
    super(deathOf, core);
    this.#chunk = chunk;
  }

  /** How its Buffers died, once they are dead. */
  get death() {
    if (!this.core.isLive) return 'region';
    return this.#chunk.ab === this.#chunk.span.ab ? 'transferred' : 'freed';
  }

  on(start, stop) {
    this.#inPage ??= new Int32Array(pageOf(this.#chunk.size) + 1);
    const claim = new Claim(this, start, stop);
    // Counted first, and in remove() last: after an interruption the counts are too high, never too
    // low.
    this.#count(claim, 1);
    this.#all.add(claim);
    return claim;
  }

  #count({ start, stop }, by) {
    const last = pageOf(stop - 1);
    for (let page = pageOf(start); page <= last; page++) this.#inPage[page] += by;
  }

  over(start, stop) {
    const last = pageOf(stop - 1);
    let page = pageOf(start);
    while (page <= last && this.#inPage[page] === 0) page++;
    if (page > last) return undefined;
    for (const claim of this.#all) if (claim.covers(start, stop)) return claim;
    return undefined;
  }

  remove(claim) {
    if (this.#all.delete(claim)) this.#count(claim, -1);
  }

  all() {
    return [...this.#all];
  }

  slow() {
    this.core.isSlow = true;
  }

  fast() {
    this.core.isSlow = this.core.auto !== null;
  }

  takeBack({ id, buffer }) {
    takeBack(this.core, id, buffer);
  }

  finish(claim) {
    this.core.settleSpans();
    super.finish(claim);
  }

  leave() {
    this.core.leave();
  }
}

module.exports = { ChunkClaims };
