'use strict';

// Which bytes of a region's chunks are whose: two-level segregated fit, as src/region/ has it, over
// an Int32Array that no Buffer of the region can reach. Sizes are in granules of 16 bytes. It is in
// JavaScript because two calls of the binary cost more than all of it: a pair of alloc and free is
// 1.3 times as fast, a churn of sizes 1.3 times.
//
// Any call can throw where the stack ends, and vm's timeout can stop JavaScript at any call or turn
// of a loop. So each change links first, by calls, and then changes the records, by assignments
// alone. `isBusy` says that the links may not be those of the records, and rebuild() makes them
// right.

const { Bins, binOf } = require('./bins.js');
const record = require('./record.js');

const { START, SIZE, BEFORE, AFTER, NEXT, CHUNK, MARK, WORDS } = record;
const { UNUSED, DIRTY, FREE, HELD, LOST, WAITING } = record;

class Spans extends Bins {
  unused = -1; // the first unused record
  isBusy = false;
  isDirty = false; // something was freed since the last collect() began
  held = 0; // blocks, including waiting ones
  waiting = 0; // blocks that were freed while operations of Node use them
  heldGranules = 0;

  /**
   * Makes a block of the last `size` granules of a free span. It gets the next unused record, or
   * the span's if nothing of the span is left. The rest keeps its record, and mostly its place in a
   * bin, which saves a fifth of the time of an alloc and a free.
   */
  take(id, size) {
    const { table } = this;
    const left = table[id + SIZE] - size;
    let block = id;
    if (left === 0) {
      this.isBusy = true;
      this.unlink(id);
    } else {
      block = this.unused;
      const nextUnused = table[block + NEXT];
      const bin = binOf(left);
      if (bin !== binOf(left + size)) {
        this.isBusy = true;
        this.unlink(id);
        this.link(id, bin);
      }
      const after = table[id + AFTER]; // no call from here on
      this.unused = nextUnused;
      table[block + START] = table[id + START] + left;
      table[block + SIZE] = size;
      table[block + BEFORE] = id;
      table[block + AFTER] = after;
      table[block + CHUNK] = table[id + CHUNK];
      if (after >= 0) table[after + BEFORE] = block;
      table[id + SIZE] = left;
      table[id + AFTER] = block;
    }
    table[block + MARK] = HELD;
    this.held++;
    this.heldGranules += size;
    this.isBusy = false;
  }

  /** Ends a block in a shared chunk, and joins it with free neighbours. */
  give(id) {
    const { table } = this;
    const own = table[id + SIZE];
    const before = table[id + BEFORE];
    const after = table[id + AFTER];
    const joinsBefore = before >= 0 && (table[before + MARK] & FREE) !== 0;
    const joinsAfter = after >= 0 && (table[after + MARK] & FREE) !== 0;
    const first = joinsBefore ? before : id;
    const was = joinsBefore ? table[before + SIZE] : 0; // the size by which it is in a bin already
    const size = was + own + (joinsAfter ? table[after + SIZE] : 0);
    if (joinsAfter) {
      this.isBusy = true;
      this.unlink(after);
    }
    const bin = binOf(size);
    if (!joinsBefore || binOf(was) !== bin) {
      this.isBusy = true;
      if (joinsBefore) this.unlink(before);
      this.link(first, bin);
    }
    let next = after; // no call from here on
    if (joinsAfter) {
      next = table[after + AFTER];
      table[after + MARK] = UNUSED;
      table[after + NEXT] = this.unused;
      this.unused = after;
    }
    if (joinsBefore) {
      table[id + MARK] = UNUSED;
      table[id + NEXT] = this.unused;
      this.unused = id;
    }
    table[first + SIZE] = size;
    table[first + AFTER] = next;
    table[first + MARK] = DIRTY;
    if (next >= 0) table[next + BEFORE] = first;
    this.held--;
    this.heldGranules -= own;
    this.isDirty = true;
    this.isBusy = false;
  }

  /** Makes a freed block wait for operations of Node that use it. */
  wait(id) {
    this.table[id + MARK] ^= HELD | WAITING;
    this.waiting++;
  }

  /** Creates the one span of a new chunk. There must be an unused record. */
  addChunk(chunk, size, mark) {
    const { table } = this;
    const id = this.unused;
    const nextUnused = table[id + NEXT];
    this.isBusy = true;
    if ((mark & FREE) !== 0) this.link(id, binOf(size));
    this.unused = nextUnused; // no call from here on
    table[id + START] = 0;
    table[id + SIZE] = size;
    table[id + BEFORE] = -1;
    table[id + AFTER] = -1;
    table[id + CHUNK] = chunk;
    table[id + MARK] = mark;
    if ((mark & HELD) !== 0) {
      this.held++;
      this.heldGranules += size;
    }
    this.isBusy = false;
    return id;
  }

  /** Ends the one span of a chunk, free or not. */
  removeChunk(id) {
    const { table } = this;
    const mark = table[id + MARK];
    this.isBusy = true;
    if ((mark & FREE) !== 0) this.unlink(id);
    else {
      this.held--;
      this.heldGranules -= table[id + SIZE];
    }
    table[id + MARK] = UNUSED;
    table[id + NEXT] = this.unused;
    this.unused = id;
    this.isBusy = false;
  }

  /**
   * Takes all spans of the chunk that begins with `first` out of use. Can be called again after an
   * interruption.
   */
  lose(first) {
    const { table } = this;
    for (let id = first; id >= 0; id = table[id + AFTER]) {
      if (table[id + MARK] === LOST) continue;
      this.isBusy = true;
      if ((table[id + MARK] & FREE) !== 0) this.unlink(id);
      else {
        this.held--;
        this.heldGranules -= table[id + SIZE];
        if ((table[id + MARK] & WAITING) !== 0) this.waiting--;
      }
      table[id + MARK] = LOST;
      this.isBusy = false;
    }
  }

  /** The records of a chunk's dirty free spans of at least `least` granules. */
  dirtyFrom(first, least) {
    const { table } = this;
    const all = [];
    for (let id = first; id >= 0; id = table[id + AFTER]) {
      if (table[id + MARK] === DIRTY && table[id + SIZE] >= least) all.push(id);
    }
    return all;
  }

  get records() {
    return this.table.length / WORDS;
  }

  /** Adds `count` records. */
  grow(count) {
    const from = this.table.length;
    const table = new Int32Array(from + count * WORDS);
    table.set(this.table);
    for (let id = from; id < table.length; id += WORDS) table[id + NEXT] = id + WORDS;
    table[table.length - WORDS + NEXT] = this.unused;
    this.table = table;
    this.unused = from;
  }

  /**
   * Rebuilds the links from the records, for the chunks that begin with `firsts`. Can be called
   * again.
   */
  rebuild(firsts) {
    const { table } = this;
    this.unlinkAll();
    const isUsed = new Uint8Array(this.records);
    for (const first of firsts) {
      for (let id = first; id >= 0; id = table[id + AFTER]) {
        isUsed[id / WORDS] = 1;
        if ((table[id + MARK] & FREE) !== 0) this.link(id, binOf(table[id + SIZE]));
      }
    }
    let unused = -1;
    for (let id = table.length - WORDS; id >= 0; id -= WORDS) {
      if (isUsed[id / WORDS] === 1) continue;
      table[id + MARK] = UNUSED;
      table[id + NEXT] = unused;
      unused = id;
    }
    this.unused = unused;
    this.isBusy = false;
  }
}

module.exports = { Spans };
