'use strict';

// The sites of a profile: id → number, by open addressing over typed arrays, for merging looks up ten million.

const { textOfId } = require('./payload.js');

const FIRST_PLACES = 1 << 10;

class SiteTable {
  /** Number → the halves of its id. */
  #highs = new Uint32Array(FIRST_PLACES / 2);
  #lows = new Uint32Array(FIRST_PLACES / 2);
  /** Place → number + 1. */
  #places = new Uint32Array(FIRST_PLACES);
  /** The number that was asked for last. */
  #last = 0;
  /** Number → { source, route, frames }, once a block has told it. */
  #definitions = [];

  get size() {
    return this.#definitions.length;
  }

  /** The number of a site, a new one if it is not known. */
  numberOf(high, low) {
    // Sums of an application have the same sites in one order: mostly it is the next.
    const guess = this.#last + 1;
    const isNext = this.#lows[guess] === low && this.#highs[guess] === high && guess < this.size;
    this.#last = isNext ? guess : this.#find(high, low);
    return this.#last;
  }

  #find(high, low) {
    const places = this.#places;
    const mask = places.length - 1;
    let place = (low ^ (high >>> 7)) & mask; // ids are hashes already
    for (;;) {
      const number = places[place] - 1;
      if (number === -1) return this.#insert(place, high, low);
      if (this.#lows[number] === low && this.#highs[number] === high) return number;
      place = (place + 1) & mask;
    }
  }

  isDefined(number) {
    return this.#definitions[number] !== undefined;
  }

  define(number, definition) {
    this.#definitions[number] = definition;
  }

  definitionOf(number) {
    return this.#definitions[number];
  }

  idOf(number) {
    return textOfId(this.#highs[number], this.#lows[number]);
  }

  halvesOf(number) {
    return [this.#highs[number], this.#lows[number]];
  }

  /** All numbers, by their ids. */
  sorted() {
    const [highs, lows] = [this.#highs, this.#lows];
    const numbers = Uint32Array.from({ length: this.size }, (_, number) => number);
    return numbers.sort((a, b) => highs[a] - highs[b] || lows[a] - lows[b]);
  }

  #insert(place, high, low) {
    const number = this.#definitions.length;
    this.#highs[number] = high;
    this.#lows[number] = low;
    this.#places[place] = number + 1;
    this.#definitions.push(undefined);
    if (this.size === this.#highs.length) this.#grow();
    return number;
  }

  #grow() {
    this.#highs = longer(this.#highs);
    this.#lows = longer(this.#lows);
    this.#places = new Uint32Array(this.#places.length * 2);
    const mask = this.#places.length - 1;
    for (let number = 0; number < this.size; number++) {
      let place = (this.#lows[number] ^ (this.#highs[number] >>> 7)) & mask;
      while (this.#places[place] !== 0) place = (place + 1) & mask;
      this.#places[place] = number + 1;
    }
  }
}

/** The same numbers in an array of twice the length. */
function longer(array) {
  const twice = new array.constructor(array.length * 2);
  twice.set(array);
  return twice;
}

module.exports = { SiteTable, longer };
