'use strict';

// The warm spans of a pool, detached from every Buffer: chunks, and pieces that were cut from chunks for checkpoints
// and scopes. Each by size class, one for each power of two: which one is taken is a look at the end of an array,
// and at a bit mask where the last one does not fit, however many there are.

const USUAL = 1024 * 1024; // bytes of the largest chunk that is not made for a single Buffer
const LAST = 31; // the class of all that have 2 GiB and more
const LOOKS = 8; // at spans of one class that may be too small or too large, before it is given up

const classOf = (size) => (size < 2 ** LAST ? LAST - Math.clz32(size) : LAST);

class SizeClass {
  spans = []; // the last used is on top
  fewest = 0; // of them since takeUnneeded(): so many were not needed

  constructor(index) {
    this.bit = 1 << index;
  }
}

class SizeClasses {
  #classes = []; // made by their first span
  #mask = 0; // the bits of those that have spans
  #recent = new SizeClass(0); // of the span that was put last
  bytes = 0;

  put(span) {
    const index = classOf(span.size);
    let one = this.#classes[index];
    if (one === undefined) {
      one = new SizeClass(index);
      this.#classes[index] = one;
    }
    one.spans.push(span);
    this.#mask |= one.bit;
    this.#recent = one;
    this.bytes += span.size;
  }

  /** All spans, for audits. */
  all() {
    return this.#classes.flatMap(({ spans }) => spans);
  }

  /** Of spans, over all classes: a count of its own would cost put() and take(). */
  get count() {
    return this.#classes.reduce((count, { spans }) => count + spans.length, 0);
  }

  /**
   * A span of at least `need` bytes and less than twice `fitting`: the one that was put last, if it has `want`;
   * else the last used of the largest class that has such, as far as can be seen with a few looks. Undefined
   * when there is none.
   */
  take(need, want, fitting) {
    // Hot: a request takes the span of the one before it, in 12–22 ns instead of 24–64 with put().
    const recent = this.#recent;
    const { spans } = recent;
    const left = spans.length - 1;
    if (left >= 0) {
      const span = spans[left];
      const { size } = span;
      if (size >= want && size < 2 * fitting) {
        spans.pop();
        if (left < recent.fewest) recent.fewest = left;
        if (left === 0) this.#mask ^= recent.bit;
        this.bytes -= size;
        return span;
      }
    }
    return this.#takeSlow(need, fitting);
  }

  #takeSlow(need, fitting) {
    const limit = 2 * fitting;
    const most = classOf(limit - 1);
    const least = classOf(need);
    let mask = this.#mask & (0xffffffff >>> (LAST - most));
    while (mask !== 0) {
      const index = LAST - Math.clz32(mask);
      if (index < least) return undefined;
      const { spans } = this.#classes[index];
      const stop = Math.max(spans.length - LOOKS, 0);
      for (let i = spans.length - 1; i >= stop; i--) {
        const { size } = spans[i];
        if (size >= need && size < limit) return this.#remove(index, i);
      }
      mask ^= 1 << index;
    }
    return undefined;
  }

  /** A span of the largest class; undefined when there is none. */
  takeLargest() {
    return this.#mask === 0 ? undefined : this.#remove(LAST - Math.clz32(this.#mask), 0);
  }

  #remove(index, i) {
    const one = this.#classes[index];
    const { spans } = one;
    const last = spans.pop();
    const span = i === spans.length ? last : spans[i];
    if (span !== last) {
      spans.copyWithin(i, i + 1);
      spans[spans.length - 1] = last;
    }
    if (spans.length === 0) this.#mask ^= one.bit;
    if (spans.length < one.fewest) one.fewest = spans.length;
    this.bytes -= span.size;
    return span;
  }

  /** Takes the spans of each class that were not needed since this was called last: the longest unused. */
  takeUnneeded() {
    const unneeded = [];
    this.#classes.forEach((one, index) => {
      for (let count = one.fewest; count > 0; count--) unneeded.push(this.#remove(index, 0));
      one.fewest = one.spans.length;
    });
    return unneeded;
  }

  takeAll() {
    const all = this.all();
    this.#classes = [];
    this.#mask = 0;
    this.#recent = new SizeClass(0);
    this.bytes = 0;
    return all;
  }
}

class WarmSpans {
  #chunks = new SizeClasses();
  #pieces = new SizeClasses();

  get bytes() {
    return this.#chunks.bytes + this.#pieces.bytes;
  }

  get chunkBytes() {
    return this.#chunks.bytes;
  }

  get count() {
    return this.#chunks.count + this.#pieces.count;
  }

  all() {
    return [...this.#chunks.all(), ...this.#pieces.all()];
  }

  put(span) {
    if (span.isChunk) this.#chunks.put(span);
    else this.#pieces.put(span);
  }

  /**
   * Of chunks the one put last, which is the largest of an arena's epoch; else the largest that is a usual one, so
   * that the next epoch has fewer windows. Pieces are many at a time: each about as large as is wanted, and none
   * that another one needs.
   */
  take(need, want, isChunk) {
    const least = Math.max(need, want);
    return isChunk
      ? this.#chunks.take(need, least, Math.max(least, USUAL))
      : this.#pieces.take(need, least, least);
  }

  /** The same of the other kind, of at most about `fitting` bytes. */
  takeOther(need, fitting, isChunk) {
    return (isChunk ? this.#pieces : this.#chunks).take(need, need, fitting);
  }

  /** The largest, chunks first: at least `bytes` in all, if there are so many. */
  takeLargest(bytes) {
    const evicted = [];
    for (let left = bytes; left > 0; left -= evicted.at(-1).size) {
      const span = this.#chunks.takeLargest() ?? this.#pieces.takeLargest();
      if (span === undefined) break;
      evicted.push(span);
    }
    return evicted;
  }

  /** Other shapes are wanted: the largest go back, by end(), until ask() has `need` bytes, or none are left. What it gave last. */
  evictUntil(need, ask, end) {
    for (let bytes = need; ; bytes *= 2) {
      const evicted = this.takeLargest(bytes);
      end(evicted);
      const result = ask();
      if (result.kind !== 'limit' || evicted.length === 0) return result;
    }
  }

  takeUnneeded() {
    return [...this.#chunks.takeUnneeded(), ...this.#pieces.takeUnneeded()];
  }

  takeAll() {
    return [...this.#chunks.takeAll(), ...this.#pieces.takeAll()];
  }
}

module.exports = { WarmSpans };
