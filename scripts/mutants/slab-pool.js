'use strict';

const guards = ['slab/guard.test.js'];
const guarded = { tests: guards };

module.exports = [
  {
    file: 'slab/pool.js',
    tests: ['slab/magazine.test.js'],
    mutants: {
      'idle slots are never flushed': ['this.flush(this.#lowWater);', ''],
      'an idle tick flushes everything': ['this.flush(this.#lowWater);', 'this.flush(this.top);'],
      'the low-water mark is not begun anew at a tick': ['this.#lowWater = this.top;', ''],
      'the low-water mark stays when takes go below it': [
        'if (top < this.#lowWater) this.#lowWater = top >> 1;',
        '',
      ],
      'the low-water mark is not lowered by a flush': [
        'this.#lowWater = Math.max(this.#lowWater - count, 0);',
        '',
      ],
      'stolen slots are never purged': [
        'if (!this.segments.some((ab) => ab !== null && ab.byteLength === 0)) return;',
        'return;',
        { tests: ['slab/close.test.js'] },
      ],
      'a stolen slot on top is never purged': [
        'if (this.top > 0 && this.isStolen(this.slotAt(this.top - 1))) this.purgeStolen();',
        '',
        { tests: ['slab/close.test.js'] },
      ],
      'a pool with nothing cached looks at all segments': [
        'if (this.top > 0 && this.isStolen(this.slotAt(this.top - 1))) this.purgeStolen();',
        'for (let i = 0; i < this.maxCount; i++) this.purgeStolen();',
        { tests: ['slab/exhausted.test.js'] },
      ],
      'purged slots are not counted as stolen': [
        'this.stolen += this.top - kept.length;',
        '',
        { tests: ['slab/close.test.js'] },
      ],
      'a refill caches slots whose memory is gone': [
        'if (this.isStolen(slot)) this.stolen++;',
        'if (false) this.stolen++;',
        { tests: ['slab/close.test.js', 'slab/random.test.js'] },
      ],
      'a received slot whose memory is gone is handed out': [
        'if (this.segments[slot >>> this.shift]?.byteLength !== 0) return;',
        'return;',
        { tests: ['slab/close.test.js'] },
      ],
      'the watermark ignores the peak': [
        'Math.max(cachedAtPeak, this.#lowWater, 0)',
        'Math.max(this.#lowWater, 0)',
        { tests: ['slab/slab.test.js'] },
      ],
      'the watermark ignores the low water': [
        'Math.max(cachedAtPeak, this.#lowWater, 0)',
        'Math.max(cachedAtPeak, 0)',
      ],
      'the watermark is one too low': [
        'Math.max(cachedAtPeak, this.#lowWater, 0)',
        'Math.max(cachedAtPeak - 1, this.#lowWater, 0)',
        { tests: ['slab/slab.test.js'] },
      ],
      'the peak counts stolen slots': [
        'this.claimed - this.stolen - this.inFlight - top',
        'this.claimed - this.inFlight - top',
        { tests: ['slab/close.test.js'] },
      ],
      'received slots are not in the peak': [
        'this.peak = Math.max(this.peak, this.held + 1);',
        '',
        { tests: ['slab/slab.test.js'] },
      ],
      'the stack is not filled up': [
        'while (this.stack.length < claimed) this.stack.push(this.placeholder);',
        '',
      ],
      'a refill does not read the capacity again': [
        'if (this.#isShared) this.#setLimit(leased.room(this.index));',
        '',
      ],
      'the capacity is never read again': [
        'this.#setLimit(this.core.leased.room(this.index));',
        '',
        { tests: ['slab/sharing.test.js', 'slab/workers.test.js'] },
      ],
      'the cache of a shared slab has no limit': [
        '    this.#isShared = true;\n    this.flushExcess(0);',
        '',
      ],
      'sharing does not flush what is cached': [
        '    this.#isShared = true;\n    this.flushExcess(0);',
        '    this.#isShared = true;',
        { tests: ['slab/sharing.test.js'] },
      ],
      'a shared slab refills by whole batches': [
        'this.#isShared ? this.#wanted() : BATCH',
        'BATCH',
      ],
      'a refill goes beyond what the cache has room for': [
        'left > 0 ? left : this.limit',
        'this.limit',
      ],
      'who has more takes no more at once': ['Math.max(BATCH, this.claimed)', 'BATCH'],
      'a shared cache has no limit but its share': ['Math.min(room, MOST_CACHED)', 'room'],
      'a tick does not look for other threads': ['if (this.#isShared) this.flushExcess(0);', ''],
      'an excess is flushed whole': [
        'this.flush(excess + Math.min((this.limit + 1) >> 1, MOST_AT_ONCE))',
        'this.flush(this.top)',
      ],
      'half of a large cache is flushed at once': [
        'Math.min((this.limit + 1) >> 1, MOST_AT_ONCE)',
        '((this.limit + 1) >> 1)',
      ],
      'a full cache is not flushed': ['if (excess > 0) this.flush', 'if (false) this.flush'],
      'the newest slots are flushed': [
        'slots[i] = this.slotAt(i);',
        'slots[i] = this.slotAt(this.top - 1 - i);',
      ],
      'a flush keeps the slots claimed': ['this.claimed -= this.#movingCount;', ''],
      'a flush releases nothing': [
        'this.core.leased.release(this.index, this.#moving, this.#movingCount);',
        '',
      ],
      'slots of a failed refill are not released': [
        '        this.releaseMoving();\n        throw error;',
        '        throw error;',
        { equivalent: 'the next refill or flush releases them' },
      ],
      'a refill that was cut off loses its slots': [
        '    this.releaseMoving();\n    this.#moving = this.#batch;',
        '    this.#movingCount = 0;\n    this.#moving = this.#batch;',
      ],
      'a flush releases before the slots have left the stack': [
        '    this.stack.splice(0, count);\n    this.top -= count;\n    this.#movingCount = count;\n    this.releaseMoving();',
        '    this.#movingCount = count;\n    this.releaseMoving();\n    this.stack.splice(0, count);\n    this.top -= count;',
      ],
      'slots that are moving count as held': [
        ' - this.inFlight - this.#movingCount;',
        ' - this.inFlight;',
      ],
      'a dropped segment is not detached': [
        'detachSegment(this, ab, index);\n    this.segments[index] = null;',
        'this.segments[index] = null;',
      ],
      'a dropped segment keeps its ArrayBuffer': [
        '    detachSegment(this, ab, index);\n    this.segments[index] = null;',
        '    detachSegment(this, ab, index);',
      ],
      'close() detaches nothing': [
        'if (ab !== null && !inUse) detachSegment(this, ab, index);',
        '',
        { tests: ['slab/close.test.js'] },
      ],
      'after close() the cache still takes Buffers': [
        '    this.capacity = 0;\n',
        '',
        { tests: ['slab/free.test.js'] },
      ],
      'close() detaches what operations use': ['ab !== null && !inUse', 'ab !== null', guarded],
      'the peak counts what was freed in flight': [
        'this.claimed - this.stolen - this.inFlight - top',
        'this.claimed - this.stolen - top',
        guarded,
      ],
      'what was freed in flight counts as held': [
        ' - this.top - this.inFlight - ',
        ' - this.top - ',
        guarded,
      ],
      'a limit that is read again lets the fast path free what is in flight': [
        'if (this.operations === 0) this.capacity = limit;',
        'this.capacity = limit;',
        guarded,
      ],
    },
  },
];
