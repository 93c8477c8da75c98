'use strict';

const idle = ['memory/idle-spans.test.js'];
const windows = ['arena/window.test.js'];
const room = ['request/room.test.js'];
const change = ['request/route.test.js'];

module.exports = [
  {
    file: 'arena/window.js',
    tests: windows,
    mutants: {
      'heap bytes are not noted': [
        '  window.heapBytes += size;\n',
        '',
        { tests: ['request/late.test.js', 'request/room.test.js'] },
      ],
      'a released arena throws': [
        'if (window.state === RELEASED) return true;',
        '',
        { tests: ['request/late.test.js'] },
      ],
    },
  },
  {
    file: 'arena/window.js',
    tests: ['request/room.test.js'],
    mutants: {
      'extended beyond the room': [' || need > owner.room', ''],
      'extended beyond the span': ['need > rest || ', ''],
      'nothing is given back': ['  owner.discharge(span.end - end);\n  span.end = end;\n', ''],
      'what is given back stays open': ['  span.end = end;\n', ''],
      'an unused window stays charged': ['  owner.discharge(span.end);\n', ''],
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
        'if (bytes > this.end - this.cursor && !this.extend(bytes)) {',
        '{',
      ],
      'no window is extended': [
        'this.cursor && !this.extend(size)',
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
        { tests: ['request/late.test.js'] },
      ],
      'scopes take chunks': ['!this.isScope && !this.#isSealed;', '!this.#isSealed;'],
      'checkpoints take chunks': ['!this.isScope && !this.#isSealed;', '!this.isScope;'],
      'an unused window is in the way': [
        'if (span === null || this.cursor !== 0 || this.#isSealed) return false;',
        'return false;',
        { tests: ['arena/limit.test.js'] },
      ],
      'a used window is given back': ['this.cursor !== 0 || this.#isSealed', 'this.#isSealed'],
      'a window from before a checkpoint is given back': [
        'this.cursor !== 0 || this.#isSealed',
        'this.cursor !== 0',
      ],
      'an unused window is lost at the limit': [
        'if (this.#span !== before && end > 0)',
        'if (false)',
        { tests: ['arena/limit.test.js'] },
      ],
      'a refusal takes what was reserved': [
        'else if (end > this.end) this.extend(end - this.cursor);',
        '',
        { tests: room },
      ],
      'the limit is found too late': [
        '      if (size > owner.room && !owner.makeRoom(size)) return null;\n      this',
        '      this',
        { tests: ['request/limits.test.js'] },
      ],
      'what was reserved gives way': [
        '    if (this.#resetsAtReserve === this.resets) return;\n',
        '',
        { tests: room },
      ],
      'only what is unused gives way': [
        'if (!this.releaseUnused() && !this.isScope) this.retract();',
        'this.releaseUnused();',
        { tests: room },
      ],
      'scopes give all way that they have ahead': [
        ' && !this.isScope) this.retract()',
        ') this.retract()',
        { tests: ['request/room.test.js'] },
      ],
      'a route goes on in what earlier Buffers see': [
        'if (seals) this.#seal();\n    else this.retract();',
        'this.retract();',
        { tests: change },
      ],
      'windows are sealed by lower limits too': [
        'if (seals) this.#seal();\n    else this.retract();',
        'this.#seal();',
        { tests: change },
      ],
      'chunks double with each route': [
        '    this.#set(null, 0, 0, 0);\n    this.epoch.cutShort++;\n',
        '    this.#set(null, 0, 0, 0);\n',
        { tests: change },
      ],
      'what a sealed window has left stays charged': [
        '    retract(this.#span, this.cursor, this.owner);\n    this.#set(',
        '    this.#set(',
        { tests: change },
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
        '    this.#isSealed = true; // a new span is taken only when something is allocated\n    this.end = 0;',
        '    this.#isSealed = true;',
      ],
      'a rewind leaves it sealed': ['this.#isSealed = saved.isSealed;', ''],
      'a rewind leaves its checkpoint': [
        '    epoch.checkpoints.length = epoch.checkpoints.indexOf(checkpoint);\n',
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
        "settings.safety === 'gc' || ",
        '',
        { tests: ['memory/chunk-pool.test.js'] },
      ],
      'renewed, the clean mark stays behind': [
        '    this.cleanFrom = span.cleanFrom;\n    this.cursor = 0;\n    return',
        '    this.cursor = 0;\n    return',
      ],
      'a reset leaves it sealed': ['    this.#isSealed = false;\n', ''],
      'thefts are not counted': [
        '    pool.retireStolen(this.#span);\n',
        '',
        { tests: ['arena/theft.test.js', 'memory/chunk-pool.test.js'] },
      ],
      'padding past the end counts': ['Math.min(this.cursor, this.#span.size)', 'this.cursor'],
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
  {
    file: 'memory/chunk-pool.js',
    tests: windows,
    mutants: {
      'an unused window stays in the epoch': [
        '    spans.splice(index, 1); // no call until it is released\n',
        '',
        { tests: windows },
      ],
    },
  },
];
