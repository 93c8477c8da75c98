'use strict';

const idle = ['memory/idle-spans.test.js'];
const windows = ['arena/window.test.js'];

module.exports = [
  {
    file: 'arena/life.js',
    tests: windows,
    mutants: {
      'heap bytes are not noted': [
        '  life.heapBytes += size;\n',
        '',
        { tests: ['request/late-limit.test.js', 'request/room.test.js'] },
      ],
      'a released arena throws': [
        'if (life.state === RELEASED) return true;',
        '',
        { tests: ['request/late.test.js'] },
      ],
    },
  },
  {
    file: 'arena/room.js',
    tests: ['request/room.test.js'],
    mutants: {
      'extended beyond the room': [' || need > owner.room', ''],
      'extended beyond the span': ['need > rest || ', ''],
      'nothing is given back': ['  owner.discharge(span.end - end);\n  span.end = end;\n', ''],
      'what is given back stays open': ['  span.end = end;\n', ''],
    },
  },
  {
    file: 'arena/window.js',
    tests: windows,
    mutants: {
      'slow alloc: what is dirty is not filled': ['zero && start < this.cleanFrom)', 'false)'],
      'beside: what is dirty is not filled': ['zero && span.cleanFrom > 0)', 'false)'],
      'oversize ones replace the window': ['if (keepWindow && size', 'if (false && size'],
      'oversize ones lie beside a full window': [' && left >= usual >>> 3', ''],
      'windows with an eighth left are replaced': ['>= usual >>> 3', '> usual >>> 3'],
      'reserve() lies beside': [
        'this.#open(bytes, false, false)',
        'this.#open(bytes, true, false)',
      ],
      'reserve() always opens': [
        'if (bytes > this.end - this.cursor && !this.#extend(bytes)) this',
        'this',
      ],
      'pieces of 64 KiB': ['CUT_SPAN = 16 * 1024', 'CUT_SPAN = 64 * 1024'],
      'pieces grow with every checkpoint': [
        'opened - Checkpoint.spansBefore(epoch.checkpoints)',
        'opened',
      ],
      'pieces never grow': ['CUT_SPAN << Math.min(pieces, 4)', 'CUT_SPAN'],
      'pieces grow for ever': ['CUT_SPAN << Math.min(pieces, 4)', 'CUT_SPAN << pieces'],
      'no window is extended': [
        'this.cursor && !this.#extend(size)',
        'this.cursor',
        { tests: ['request/room.test.js'] },
      ],
      'a rewind keeps heap bytes': [
        '    dischargeHeap(this, saved.heapBytes);\n',
        '',
        { tests: ['request/room.test.js'] },
      ],
      'a late rewind keeps heap bytes': [
        'return dischargeHeap(this, Checkpoint.heapBytesOf(checkpoint, this));',
        'return;',
        { tests: ['request/late-limit.test.js'] },
      ],
      'scopes take chunks': ['!this.isScope && !this.#isSealed;', '!this.#isSealed;'],
      'checkpoints take chunks': ['!this.isScope && !this.#isSealed;', '!this.isScope;'],
      'an unused window is in the way': [
        'if (span === null || this.cursor !== 0 || this.#isSealed) return 0;',
        'return 0;',
        { tests: ['arena/limit.test.js'] },
      ],
      'a used window is given back': ['this.cursor !== 0 || this.#isSealed', 'this.#isSealed'],
      'a window from before a checkpoint is given back': [
        'this.cursor !== 0 || this.#isSealed',
        'this.cursor !== 0',
      ],
      'an unused window stays charged': [
        '    this.owner.discharge(span.end);\n',
        '',
        { tests: ['request/room.test.js'] },
      ],
      'an unused window stays in the epoch': ['    this.epoch.spans.splice(index, 1);\n', ''],
      'an unused window is lost at the limit': [
        '      if (unused > 0) this.#open(unused, false, false);\n',
        '',
        { tests: ['arena/limit.test.js'] },
      ],
      'long strings are cut': ['const most = string.length * 3;', 'const most = string.length;'],
      'the string writer stays over another window': [
        '    this.#bytes = null;\n    const open',
        '    const open',
      ],
      'the string writer stays over a renewed window': [
        '    this.ab = span.ab;\n    this.#bytes = null;',
        '    this.ab = span.ab;',
      ],
      'a checkpoint is no border': [
        '    this.#isSealed = true;\n    this.end = 0;',
        '    this.#isSealed = true;',
      ],
      'a rewind leaves it sealed': ['this.#isSealed = saved.isSealed;', ''],
      'a rewind leaves its checkpoint': [
        '    epoch.checkpoints.length = index;\n',
        '',
        { tests: ['arena/checkpoint.test.js'] },
      ],
      'a rewind goes to the beginning of the window': [
        'saved.cursor, saved.end',
        '0, saved.end',
        { tests: ['arena/checkpoint.test.js'] },
      ],
      'renewed in place with several spans': [
        'epoch.spans.length !== 1',
        'false',
        { tests: ['arena/arena.test.js'] },
      ],
      'renewed in place in gc mode': [
        '!pool.reusesAtOnce || ',
        '',
        { tests: ['arena/safety.test.js'] },
      ],
      'renewed, the clean mark stays behind': [
        '    this.cleanFrom = span.cleanFrom;\n    this.cursor = 0;\n    return',
        '    this.cursor = 0;\n    return',
      ],
      'a reset leaves it sealed': ['    this.#isSealed = false;\n', ''],
      'thefts are not counted': [
        '    this.owner.pool.retireStolen(this.#span);\n',
        '',
        { tests: ['arena/theft.test.js', 'memory/chunk-pool.test.js'] },
      ],
      'padding past the end counts': ['Math.min(this.cursor, span.size)', 'this.cursor'],
      'stolen bytes count': ['if (span.ab !== null) bytes += span.used', 'bytes += span.used'],
      'idle times take what was reserved': [
        ' && this.#resetsAtReserve !== this.resets',
        '',
        { tests: idle },
      ],
      'idle times take what was reset just now': [
        'this.resets === this.#resetsAtIdleTick && ',
        '',
        { tests: idle },
      ],
      'idle times take nothing': [
        '    this.#resetsAtIdleTick = this.resets;\n',
        '',
        { tests: idle },
      ],
    },
  },
];
