'use strict';

// How much memory the process has that cannot be given back at once: what V8 knows of, some
// microseconds each time, and what RSS has beside it, now and then.

const v8 = require('node:v8');
const time = require('../base/time.js');
const { keepReading, splitNow } = require('../process/split.js');

class Gauges {
  #beside = 0;
  #at = Number.NEGATIVE_INFINITY;

  constructor() {
    keepReading(); // a look must not end a server that has no descriptor left
  }

  /**
   * `{ used, own, heap, heapLimit }` in bytes. `own`: V8's heap and what it knows outside of it;
   * `used`: the process. `everyMs`: how old the part may be that only RSS shows.
   */
  read(everyMs) {
    const now = time.now();
    const {
      used_heap_size: heap,
      external_memory: external,
      heap_size_limit: heapLimit,
    } = v8.getHeapStatistics();
    const own = heap + external;
    if (now - this.#at >= everyMs) {
      const { rss, parts } = splitNow();
      this.#beside = rss - parts.heapKept - (parts.mallocKept ?? 0) - own;
      this.#at = now;
    }
    return { used: Math.max(0, own + this.#beside), own, heap, heapLimit };
  }
}

module.exports = { Gauges };
