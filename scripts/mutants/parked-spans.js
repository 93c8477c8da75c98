'use strict';

module.exports = [
  {
    file: 'memory/parked-spans.js',
    tests: ['memory/parked-spans.test.js'],
    mutants: {
      "memory that waits is nobody's": ['    this.#pool.hold(span);\n', ''],
      'nothing expires': ['    this.#watch(this.holdMs);\n', ''],
      'the program waits for the timer': ['    timer.unref?.();\n', ''],
      'each span sets a timer': [
        '    if (this.#timer !== null) return;\n    const timer',
        '    const timer',
      ],
      'expires too early': ['if (left > 0) break;', ''],
      'expires a whole time later': ['this.#watch(left);', 'this.#watch(this.holdMs);'],
      'expires once': ['    if (this.#since.size > 0) this.#watch(left);\n', ''],
      'what has waited too long is detached': [
        'pool.quarantine(span, span.policy.wipe);',
        'span.operations = 0;\n        pool.release(span);',
      ],
      'the timer outlives what waited': ['    time.clearTimeout(this.#timer);\n', ''],
      'a step is never over': [
        '      pool.pending--;\n    }',
        '    }',
        { equivalent: 'the next call settles what is pending, and finds nothing' },
      ],
      'what was cut off waits for its time': [
        'else if (span.operations === 0) this.#remove(span);',
        '',
        { tests: ['arena/cut-off.test.js'] },
      ],
    },
  },
  {
    file: 'memory/span.js',
    tests: ['memory/parked-spans.test.js'],
    mutants: {
      'the first operation that ends frees the span': [
        'if (this.operations > 0 || this',
        'if (this',
      ],
      'an operation that ends twice ends another': [
        '    if (this.operations === 0) return; // called twice\n',
        '',
      ],
      'dead Buffers are taken': [
        'if (view.byteLength === 0 && view.buffer.byteLength === 0)\n      throw',
        'if (false) throw',
      ],
      'views of no bytes are dead': [' && view.buffer.byteLength === 0', ''],
      'operations that begin on held spans are not counted': [
        '    if (this.held) this.pool.holders.operations++;\n',
        '',
        { tests: ['memory/audit.test.js'] },
      ],
      'operations that end on held spans stay counted': [
        '    if (this.held) pool.holders.operations--;\n',
        '',
        { tests: ['memory/audit.test.js'] },
      ],
      'what was cut off is not pending': [
        '    pool.pending++; // from here',
        '    pool.pending = 1; // from here',
        { equivalent: 'to be settled is all that it says' },
      ],
    },
  },
  {
    file: 'memory/span-leases.js',
    tests: ['memory/parked-spans.test.js'],
    mutants: {
      'how it died is not said': [
        '      ended.death = span.death;\n',
        '',
        { tests: ['mistakes/dead.test.js'] },
      ],
      'a span is marked once': ['      renewed[kHolder] = guard;\n', ''],
      'a span is marked by its first reset': [
        '    span.guard = guard;\n    span.ab',
        '    span.ab',
      ],
      'the mark of another pool stays': [
        'guard !== undefined || shown[kHolder] !== undefined',
        'guard !== undefined',
        { env: { RALLOC_BACKEND: 'js' } },
      ],
    },
  },
  {
    file: 'arena/window.js',
    tests: ['memory/parked-spans.test.js'],
    mutants: {
      'a reset in place does not wait': ['    if (span.operations > 0) return false;\n', ''],
    },
  },
  {
    file: 'memory/chunk-pool.js',
    tests: ['memory/parked-spans.test.js'],
    mutants: {
      'operations do not keep their span': [
        'if (span.operations > 0) {\n      this.parked',
        'if (false) {\n      this.parked',
      ],
      'the next arena has what the last one counted': [
        'if (this.isGuarded) this.guarded = new Guarded();',
        '',
      ],
    },
  },
];
